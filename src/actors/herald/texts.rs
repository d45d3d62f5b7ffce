//! The words of the letters, in each language.
//!
//! Invariant: the compiler misses any text that one language lacks.

use crate::domain::{
    Locale,
    order::{MoneyBack, News},
};

/// All texts of one language.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) tag: &'static str,
    pub(super) hello: &'static str,
    pub(super) confirmed_subject: &'static str,
    pub(super) confirmed: &'static str,
    pub(super) gift_subject: &'static str,
    pub(super) gift: &'static str,
    pub(super) gift_from: &'static str,
    pub(super) gift_for: &'static str,
    pub(super) message: &'static str,
    pub(super) cancelled_subject: &'static str,
    pub(super) ended_subject: &'static str,
    pub(super) cancelled: &'static str,
    pub(super) stock_lost: &'static str,
    pub(super) expired: &'static str,
    pub(super) untouched: &'static str,
    pub(super) released: &'static str,
    pub(super) refunded: &'static str,
    pub(super) order: &'static str,
    pub(super) item: &'static str,
    pub(super) units: &'static str,
    pub(super) price: &'static str,
    pub(super) sum: &'static str,
    pub(super) total: &'static str,
    pub(super) sent_to: &'static str,
    pub(super) follow: &'static str,
    pub(super) automatic: &'static str,
}

impl Texts {
    pub(super) fn of(locale: Locale) -> &'static Texts {
        match locale {
            Locale::En => &EN,
            Locale::Es => &ES,
            Locale::Pt => &PT,
        }
    }

    /// Why the order has ended; nothing of one that has not.
    pub(super) fn ended(&self, news: News) -> &'static str {
        match news {
            News::Confirmed => "",
            News::Cancelled => self.cancelled,
            News::StockLost => self.stock_lost,
            News::Expired => self.expired,
        }
    }

    pub(super) fn ended_subject(&self, news: News) -> &'static str {
        match news {
            News::Cancelled => self.cancelled_subject,
            News::Confirmed | News::StockLost | News::Expired => self.ended_subject,
        }
    }

    pub(super) fn money(&self, money: MoneyBack) -> &'static str {
        match money {
            MoneyBack::Untouched => self.untouched,
            MoneyBack::Released => self.released,
            MoneyBack::Refunded => self.refunded,
        }
    }
}

const EN: Texts = Texts {
    tag: "en",
    hello: "Hello",
    confirmed_subject: "Your order is confirmed",
    confirmed: "Thank you. Your order is paid and everything in it is yours.",
    gift_subject: "Somebody has a gift for you",
    gift: "A gift is on its way to you.",
    gift_from: "From",
    gift_for: "This order is a gift for",
    message: "The message",
    cancelled_subject: "Your order is cancelled",
    ended_subject: "Your order could not be completed",
    cancelled: "Your order was cancelled. Nothing will be sent.",
    stock_lost: "We are sorry: while your order was being paid, what you chose sold out. \
                 Nothing will be sent.",
    expired: "We are sorry: your order was not paid in time and has ended. Nothing will be sent.",
    untouched: "No money was taken.",
    released: "No money was taken; what was set aside on your card is released. Your bank may \
               need some days to show it.",
    refunded: "The whole amount goes back to where it came from. Your bank may need some days \
               to show it.",
    order: "Order",
    item: "Item",
    units: "Units",
    price: "Price",
    sum: "Sum",
    total: "Total",
    sent_to: "Sent to",
    follow: "Follow your order",
    automatic: "This letter was written automatically.",
};

const ES: Texts = Texts {
    tag: "es",
    hello: "Hola",
    confirmed_subject: "Tu pedido está confirmado",
    confirmed: "Gracias. Tu pedido está pagado y todo lo que contiene es tuyo.",
    gift_subject: "Alguien tiene un regalo para ti",
    gift: "Un regalo va en camino hacia ti.",
    gift_from: "De",
    gift_for: "Este pedido es un regalo para",
    message: "El mensaje",
    cancelled_subject: "Tu pedido está cancelado",
    ended_subject: "Tu pedido no se pudo completar",
    cancelled: "Tu pedido fue cancelado. No se enviará nada.",
    stock_lost: "Lo sentimos: mientras se pagaba tu pedido, lo que elegiste se agotó. No se \
                 enviará nada.",
    expired: "Lo sentimos: tu pedido no se pagó a tiempo y ha terminado. No se enviará nada.",
    untouched: "No se cobró nada.",
    released: "No se cobró nada; lo que se reservó en tu tarjeta queda libre. Tu banco puede \
               tardar unos días en mostrarlo.",
    refunded: "Se devuelve el importe completo por el mismo medio de pago. Tu banco puede tardar \
               unos días en mostrarlo.",
    order: "Pedido",
    item: "Artículo",
    units: "Unidades",
    price: "Precio",
    sum: "Importe",
    total: "Total",
    sent_to: "Se envía a",
    follow: "Sigue tu pedido",
    automatic: "Este correo se escribió automáticamente.",
};

const PT: Texts = Texts {
    tag: "pt",
    hello: "Olá",
    confirmed_subject: "Seu pedido está confirmado",
    confirmed: "Obrigado. Seu pedido está pago e tudo o que há nele é seu.",
    gift_subject: "Alguém tem um presente para você",
    gift: "Um presente está a caminho.",
    gift_from: "De",
    gift_for: "Este pedido é um presente para",
    message: "A mensagem",
    cancelled_subject: "Seu pedido está cancelado",
    ended_subject: "Seu pedido não pôde ser concluído",
    cancelled: "Seu pedido foi cancelado. Nada será enviado.",
    stock_lost: "Lamentamos: enquanto seu pedido era pago, o que você escolheu se esgotou. Nada \
                 será enviado.",
    expired: "Lamentamos: seu pedido não foi pago a tempo e terminou. Nada será enviado.",
    untouched: "Nada foi cobrado.",
    released: "Nada foi cobrado; o valor reservado no seu cartão é liberado. Seu banco pode \
               levar alguns dias para mostrar isso.",
    refunded: "O valor total é devolvido pelo mesmo meio de pagamento. Seu banco pode levar \
               alguns dias para mostrar isso.",
    order: "Pedido",
    item: "Item",
    units: "Unidades",
    price: "Preço",
    sum: "Valor",
    total: "Total",
    sent_to: "Enviado para",
    follow: "Acompanhe seu pedido",
    automatic: "Esta mensagem foi escrita automaticamente.",
};
