//! Charts for people, drawn as SVG without a library: lines over time, bars side by side.
//!
//! A chart stands in the documents beside the table that it was drawn from, so it says where its
//! figures come from itself: title, units, and a line of small print. Invariant: the same figures
//! draw the same bytes.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
/// Of the plot, and what stands around it.
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 64.0;
/// What a bar and its name need.
const BAR: f64 = 26.0;
const NAME: f64 = 260.0;

/// Told apart by people who see fewer colours, too.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

/// Some figures in a row, such as what was measured every ten seconds.
pub struct Series {
    /// What they are.
    pub name: String,
    /// Where each stands, and how high.
    pub points: Vec<(f64, f64)>,
}

/// Figures over time or size.
pub struct Lines<'a> {
    /// What is to be seen.
    pub title: &'a str,
    /// Below the plot: what runs from left to right.
    pub across: &'a str,
    /// Beside the plot: what is measured, with its unit.
    pub up: &'a str,
    /// Machine, day, commit.
    pub note: &'a str,
    /// One colour each.
    pub series: &'a [Series],
}

/// Figures side by side, the longest first or in an order that says something.
pub struct Bars<'a> {
    /// What is to be seen.
    pub title: &'a str,
    /// What a length means, with its unit.
    pub unit: &'a str,
    /// Machine, day, commit.
    pub note: &'a str,
    /// Names and figures; a group has one colour.
    pub all: &'a [Bar],
}

/// One of them.
pub struct Bar {
    /// What it is.
    pub name: String,
    /// How much.
    pub figure: f64,
    /// Those of one group look alike.
    pub group: usize,
}

impl Lines<'_> {
    /// The chart as a whole document; heights begin at zero, so that flat looks flat.
    pub fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let right = round_up(all().map(|point| point.0).fold(0.0, f64::max));
        let high = round_up(all().map(|point| point.1).fold(0.0, f64::max));
        let bottom = TOP + HEIGHT;
        let x = |value: f64| LEFT + value / right * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| bottom - value / high * HEIGHT;
        let mut svg = open(self.title, self.note, bottom + 72.0);
        for step in 0..=4 {
            let (value, across) = (high * f64::from(step) / 4.0, right * f64::from(step) / 4.0);
            let (at, end) = (y(value), WIDTH - RIGHT);
            let _ = writeln!(svg, "<path d='M{LEFT} {at:.1}H{end}' stroke='#ddd'/>");
            text(&mut svg, (LEFT - 8.0, at + 4.0), "end", &number(value));
            text(&mut svg, (x(across), bottom + 18.0), "middle", &number(across));
        }
        text(&mut svg, (LEFT, TOP - 10.0), "start", self.up);
        text(&mut svg, (WIDTH - RIGHT, bottom + 36.0), "end", self.across);
        let mut legend = LEFT;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let points =
                series.points.iter().map(|(at, up)| format!("{:.1},{:.1}", x(*at), y(*up)));
            let points = points.collect::<Vec<_>>().join(" ");
            let line = "fill='none' stroke-width='2' stroke";
            let _ = writeln!(svg, "<polyline points='{points}' {line}='{colour}'/>");
            let at = bottom + 27.0;
            let square = "width='10' height='10' fill";
            let _ = writeln!(svg, "<rect x='{legend:.0}' y='{at:.0}' {square}='{colour}'/>");
            text(&mut svg, (legend + 15.0, bottom + 36.0), "start", &series.name);
            legend += 32.0 + 6.8 * series.name.chars().count() as f64;
        }
        svg + "</svg>\n"
    }
}

impl Bars<'_> {
    /// The chart as a whole document.
    pub fn svg(&self) -> String {
        let longest = self.all.iter().map(|bar| bar.figure).fold(f64::MIN_POSITIVE, f64::max);
        let bottom = TOP + BAR * self.all.len() as f64;
        let mut svg = open(self.title, self.note, bottom + 36.0);
        text(&mut svg, (NAME, TOP - 10.0), "start", self.unit);
        for (row, bar) in self.all.iter().enumerate() {
            let at = TOP + BAR * row as f64;
            let length = bar.figure / longest * (WIDTH - NAME - 90.0);
            let colour = COLOURS[bar.group % COLOURS.len()];
            let _ = writeln!(
                svg,
                "<rect x='{NAME}' y='{at:.0}' width='{length:.1}' height='18' fill='{colour}'/>"
            );
            text(&mut svg, (NAME - 8.0, at + 13.0), "end", &bar.name);
            text(&mut svg, (NAME + length + 6.0, at + 13.0), "start", &number(bar.figure));
        }
        svg + "</svg>\n"
    }
}

/// Writes a chart beside the documents, and says where.
pub fn write(path: &std::path::Path, svg: &str) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("a folder for charts");
    }
    std::fs::write(path, svg).expect("a chart is written");
    println!("chart: {}", path.display());
}

fn open(title: &str, note: &str, height: f64) -> String {
    let font = "font-family='sans-serif' font-size='12' fill='#222'";
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0}' {font}>\n\
         <rect width='100%' height='100%' fill='white'/>\n\
         <text x='16' y='26' font-size='16' font-weight='bold'>{}</text>\n",
        escaped(title)
    );
    let small = "font-size='10' fill='#666'";
    let at = height - 8.0;
    let _ = writeln!(svg, "<text x='16' y='{at:.0}' {small}>{}</text>", escaped(note));
    svg
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(svg, "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{text}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The next of 1, 2, 2.5, 5 and their tens: where an axis may end.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let ten = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * ten).find(|end| *end >= value * 0.999_999).unwrap_or(value)
}

/// Short enough for an axis.
fn number(value: f64) -> String {
    match value {
        _ if value >= 10_000.0 => super::count(value),
        _ if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}
