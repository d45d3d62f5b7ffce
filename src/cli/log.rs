//! Log lines: for people on a terminal, JSON otherwise, each with its request's id.
//!
//! The id rides in the request's task, so this puts it into whatever line is written there: a
//! request that logs nothing pays nothing.

use crate::http::current_request_id;
use std::{
    fmt,
    io::{self, IsTerminal as _},
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, Writer},
    },
    registry::LookupSpan,
};

/// Starts logging to standard error.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(without_actors(filter)).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        builder.event_format(WithId { format: format::format(), is_json: false }).init();
    } else {
        let format = format::format().json().flatten_event(true);
        let format = WithId { format, is_json: true };
        builder.fmt_fields(format::JsonFields::new()).event_format(format).init();
    }
}

/// Actors open two spans each at `info`, and go in and out with every message: at an add to a cart
/// that is work for nothing, so it is done only for who names them.
fn without_actors(filter: &str) -> String {
    if filter.contains("ractor") { filter.to_owned() } else { format!("{filter},ractor=warn") }
}

/// A format whose lines carry the id of their request.
struct WithId<F> {
    format: F,
    is_json: bool,
}

impl<S, N, F> FormatEvent<S, N> for WithId<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(id) = current_request_id() else {
            return self.format.format_event(context, writer, event);
        };
        if !self.is_json {
            write!(writer, "[{id}] ")?;
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        // A sane id has no character that JSON would escape.
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, "{{\"request_id\":\"{id}\",{rest}"),
            None => writer.write_str(&line),
        }
    }
}
