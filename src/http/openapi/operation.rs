//! What one method at one address takes, gives and refuses, written down in one expression.
//!
//! Says once what all have in common: headers, tokens, keys, lists and how a problem looks.
//! Invariant: a problem's status, title and example come from [`Code`], so they are what the
//! server answers.

use super::schemas::{IdempotencyKey, PageLimit, Schemas, Text, with};
use crate::http::problem::{Code, Problem};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response,
        ResponseBuilder, Schema,
        example::ExampleBuilder,
        header::Header,
        link::{Link, LinkBuilder},
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ArrayBuilder, Type},
        security::SecurityRequirement,
    },
};

/// One operation of the document.
pub(in crate::http) struct Operation {
    inner: OperationBuilder,
    answers: BTreeMap<u16, Response>,
    /// The answer that was described last.
    last: u16,
    codes: Vec<Code>,
    keyed: bool,
    schemas: Schemas,
}

/// What an operation brings into the document.
pub(super) struct Written {
    pub(super) operation: utoipa::openapi::path::Operation,
    pub(super) schemas: Schemas,
    pub(super) responses: Vec<(String, Response)>,
}

impl Operation {
    pub(super) fn new(tag: &str, id: &str, summary: &str, description: &str) -> Operation {
        let inner = OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary));
        Operation {
            inner: inner.description(Some(description)),
            answers: BTreeMap::new(),
            last: 0,
            codes: vec![Code::Internal, Code::Overloaded, Code::Unavailable],
            keyed: false,
            schemas: vec![],
        }
    }

    /// For the admin alone.
    pub(super) fn admin(self) -> Operation {
        self.opened_by(&[ADMIN_TOKEN]).refuses([Code::TokenRequired, Code::Forbidden])
    }

    /// For everybody; the admin sees more.
    pub(super) fn admin_if_any(mut self) -> Operation {
        self.inner = self.inner.security(SecurityRequirement::default());
        self.opened_by(&[ADMIN_TOKEN]).refuses([Code::TokenRequired, Code::Forbidden])
    }

    /// For whoever has the cart.
    pub(super) fn cart(self) -> Operation {
        let opened = self.opened_by(&[CART_TOKEN, CART_COOKIE]);
        opened.refuses([Code::TokenRequired, Code::Forbidden])
    }

    /// For everybody; who has a cart goes on with it.
    pub(super) fn cart_if_any(mut self) -> Operation {
        self.inner = self.inner.security(SecurityRequirement::default());
        self.opened_by(&[CART_TOKEN, CART_COOKIE]).refuses([Code::Forbidden])
    }

    /// For the order's buyer and for the admin.
    pub(super) fn order(self) -> Operation {
        let opened = self.opened_by(&[ORDER_TOKEN, ADMIN_TOKEN]);
        opened.refuses([Code::TokenRequired, Code::Forbidden])
    }

    /// Any one of these lets a caller in.
    pub(super) fn opened_by(mut self, schemes: &[&str]) -> Operation {
        for scheme in schemes {
            let requirement = SecurityRequirement::new(*scheme, [""; 0]);
            self.inner = self.inner.security(requirement);
        }
        self
    }

    /// A repeat with the same key is the same command.
    pub(super) fn keyed(mut self, required: bool) -> Operation {
        self.keyed = true;
        let what = "Names this command: whoever repeats it with the same key and body gets the \
                    same answer, and it happens once.";
        let key = parameter::<IdempotencyKey>("Idempotency-Key", ParameterIn::Header, what);
        let key = key.required(if required { Required::True } else { Required::False });
        self.inner = self.inner.parameter(key.example(Some(json!("5f1c8e7a-order-1"))));
        if required {
            self.codes.push(Code::KeyRequired);
        }
        self.refuses([Code::KeyMismatch, Code::InProgress, Code::Invalid])
    }

    /// A part of the path.
    pub(super) fn path<T: ToSchema>(mut self, name: &str, what: &str, example: &str) -> Operation {
        with::<T>(&mut self.schemas);
        let parameter = parameter::<T>(name, ParameterIn::Path, what).required(Required::True);
        self.inner = self.inner.parameter(parameter.example(Some(example.into())));
        self
    }

    /// What may stand behind the `?`.
    pub(super) fn query<T: ToSchema>(mut self, name: &str, what: &str) -> Operation {
        self.inner = self.inner.parameter(parameter::<T>(name, ParameterIn::Query, what));
        self
    }

    /// A header that may be sent.
    pub(super) fn hears<T: ToSchema>(mut self, name: &str, what: &str, example: &str) -> Operation {
        let header = parameter::<T>(name, ParameterIn::Header, what);
        self.inner = self.inner.parameter(header.example(Some(example.into())));
        self
    }

    /// The body.
    pub(super) fn takes<T: ToSchema>(mut self, example: Value) -> Operation {
        with::<T>(&mut self.schemas);
        let body = RequestBodyBuilder::new()
            .content(JSON, json_content(Ref::from_schema_name(T::name()), example))
            .required(Some(Required::True));
        self.inner = self.inner.request_body(Some(body.build()));
        self.refuses([Code::NotJson, Code::TooLarge, Code::TooSlow, Code::Invalid])
    }

    /// An answer.
    pub(super) fn gives<T: ToSchema>(
        mut self,
        status: u16,
        description: &str,
        example: Value,
    ) -> Operation {
        with::<T>(&mut self.schemas);
        self.answer(status, description, JSON, Ref::from_schema_name(T::name()).into(), example)
    }

    /// A page of a list.
    pub(super) fn lists<T: ToSchema>(mut self, description: &str, example: &Value) -> Operation {
        with::<T>(&mut self.schemas);
        let name = format!("{}Page", T::name());
        let next = ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::SchemaType::Array(vec![Type::String, Type::Null]))
            .description(Some("The `cursor` of the next page; null on the last one."));
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let page = ObjectBuilder::new().property("items", items).required("items");
        let page = page.property("next", next).required("next");
        self.schemas.push((name.clone(), Schema::from(page).into()));
        let example = json!({"items": [example], "next": null});
        self.query::<PageLimit>("limit", "How many at most.")
            .query::<Text>("cursor", "What the page before answered as `next`.")
            .refuses([Code::Invalid])
            .answer(200, description, JSON, Ref::from_schema_name(name).into(), example)
    }

    /// An answer of any kind; without content for an empty `media`.
    pub(super) fn answer(
        mut self,
        status: u16,
        description: &str,
        media: &str,
        schema: RefOr<Schema>,
        example: Value,
    ) -> Operation {
        let mut response = ResponseBuilder::new().description(description);
        if !media.is_empty() {
            let example = Some(example).filter(|example| !example.is_null());
            let content = ContentBuilder::new().schema(Some(schema)).example(example);
            response = response.content(media, content.build());
        }
        self.answers.insert(status, response.build());
        self.last = status;
        self
    }

    /// Another form of the answer that was described last.
    pub(super) fn or_as(mut self, media: &str, schema: RefOr<Schema>) -> Operation {
        if let Some(answer) = self.answers.get_mut(&self.last) {
            let content = ContentBuilder::new().schema(Some(schema)).build();
            answer.content.insert(media.to_owned(), content.into());
        }
        self
    }

    /// A header of the answer that was described last.
    pub(super) fn header(mut self, name: &str, what: &str) -> Operation {
        let header = header::<Text>(what);
        if let Some(answer) = self.answers.get_mut(&self.last) {
            answer.headers.insert(name.to_owned(), header.into());
        }
        self
    }

    /// The answer that was described last is kept by readers, who ask whether it is still so.
    pub(super) fn cached(self, etag: &str) -> Operation {
        let kept = self.last;
        let mut told = self
            .header("ETag", etag)
            .header("Cache-Control", KEEPERS)
            .header("Vary", CODINGS)
            .answer(304, "It is as it was.", "", Text::schema(), Value::Null)
            .header("ETag", etag)
            .header("Cache-Control", KEEPERS)
            .header("Vary", CODINGS)
            .hears::<Text>("If-None-Match", "The ETag of what is there already.", "\"0\"");
        told.last = kept;
        told
    }

    /// What to do with the answer that was described last: `given` names parameters and where
    /// their values stand in it.
    pub(super) fn then(self, operation: &str, what: &str, given: &[(&str, &str)]) -> Operation {
        self.link(operation, link(operation, what, given).build())
    }

    /// As [`Operation::then`], with a body.
    pub(super) fn then_send(
        self,
        operation: &str,
        what: &str,
        given: &[(&str, &str)],
        body: Value,
    ) -> Operation {
        self.link(operation, link(operation, what, given).request_body(Some(body)).build())
    }

    fn link(mut self, operation: &str, link: Link) -> Operation {
        if let Some(answer) = self.answers.get_mut(&self.last) {
            answer.links.insert(operation.to_owned(), link.into());
        }
        self
    }

    /// Why it may not be done.
    pub(super) fn refuses(mut self, codes: impl IntoIterator<Item = Code>) -> Operation {
        self.codes.extend(codes);
        self
    }

    /// For an operation that asks nobody: it can't be refused for want of room.
    pub(super) fn always_answers(mut self) -> Operation {
        self.codes.retain(|code| *code == Code::Internal);
        self
    }

    /// All of it, as the document has it.
    pub(super) fn write(self) -> Written {
        let Operation { inner, mut answers, codes, keyed, schemas, .. } = self;
        let given = parameter::<Text>(
            "X-Request-Id",
            ParameterIn::Header,
            "What to call this request in the log; made when absent or odd.",
        );
        let mut inner = inner.parameter(given.example(Some(json!("checkout-page-17"))));
        for answer in answers.values_mut() {
            let id = header::<Text>("What this request is called in the log.");
            answer.headers.insert("X-Request-Id".to_owned(), id.into());
            if keyed {
                let replayed = header::<Text>("`true` when the key had been accepted before.");
                answer.headers.insert("Idempotency-Replayed".to_owned(), replayed.into());
            }
        }
        for (status, answer) in answers {
            inner = inner.response(status.to_string(), answer);
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in Code::ALL.iter().filter(|code| codes.contains(code)) {
            by_status.entry(code.status().as_u16()).or_default().push(*code);
        }
        let mut responses = vec![];
        for (status, codes) in by_status {
            let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
            let name = names.join("_or_");
            inner = inner.response(status.to_string(), Ref::from_response_name(&name));
            responses.push((name, refusal(status, &codes)));
        }
        Written { operation: inner.build(), schemas, responses }
    }
}

const JSON: &str = "application/json";

const KEEPERS: &str = "Who may keep it, and for how long.";
const CODINGS: &str = "`accept-encoding` where it comes in several codings.";

pub(super) const ADMIN_TOKEN: &str = "AdminToken";
pub(super) const CART_TOKEN: &str = "CartToken";
pub(super) const CART_COOKIE: &str = "CartCookie";
pub(super) const ORDER_TOKEN: &str = "OrderToken";
pub(super) const ORDER_TOKEN_IN_QUERY: &str = "OrderTokenInQuery";

fn parameter<T: PartialSchema>(name: &str, place: ParameterIn, what: &str) -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name(name).parameter_in(place);
    parameter.required(Required::False).description(Some(what)).schema(Some(T::schema()))
}

fn header<T: PartialSchema>(what: &str) -> Header {
    HeaderBuilder::new().schema(Some(T::schema())).description(Some(what)).build()
}

fn link(operation: &str, what: &str, given: &[(&str, &str)]) -> LinkBuilder {
    let link = LinkBuilder::new().operation_id(operation).description(what);
    given.iter().fold(link, |link, (name, place)| link.parameter(*name, *place))
}

/// How one status refuses, with an example of each reason.
fn refusal(status: u16, codes: &[Code]) -> Response {
    let examples = codes.iter().map(|code| {
        let example = ExampleBuilder::new().summary(code.title());
        (code.name().to_owned(), example.value(Some(Problem::example(*code))).build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples);
    let titles: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}.", code.name(), code.title())).collect();
    let mut response = ResponseBuilder::new()
        .description(titles.join(" "))
        .content("application/problem+json", content.build())
        .header("X-Request-Id", header::<Text>("What this request is called in the log."));
    if status == 503 {
        response = response.header("Retry-After", header::<Text>("Seconds."));
    }
    if status == 426 {
        response = response.header("Upgrade", header::<Text>("`websocket`."));
    }
    if status == 401 {
        response = response.header("WWW-Authenticate", header::<Text>("`Bearer`."));
    }
    response.build()
}

fn json_content(schema: Ref, example: Value) -> Content {
    ContentBuilder::new().schema(Some(schema)).example(Some(example)).build()
}
