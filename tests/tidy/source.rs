//! Just enough of Rust's grammar to tell code from comments and to follow paths.
//!
//! Invariant: every line of the original is a line of the code and of the comments, so a place in
//! either is a place in the file.

/// A file taken apart.
pub(crate) struct Source {
    /// Without comments and the contents of literals.
    pub(crate) code: String,
    /// Nothing but comments.
    pub(crate) comments: String,
}

/// A path such as `crate::journal::Position`, spelled out from wherever it is used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    /// Of this crate: what stands behind `crate`.
    pub(crate) ours: bool,
    pub(crate) segments: Vec<String>,
    /// Only test builds see it.
    pub(crate) test: bool,
}

struct Token<'t> {
    line: usize,
    text: &'t str,
}

impl Source {
    pub(crate) fn of(text: &str) -> Source {
        let (mut code, mut comments) = (String::new(), String::new());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (length, comment, code_shows) = match first {
                '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), true, ""),
                '/' if rest.starts_with("/*") => {
                    (rest.find("*/").map_or(rest.len(), |at| at + 2), true, "")
                }
                '"' => (string_bytes(rest), false, "_"),
                '\'' => match char_bytes(rest) {
                    Some(length) => (length, false, "_"),
                    None => (1, false, "'"),
                },
                'r' | 'b' if !ends_in_word(&code) && raw_bytes(rest).is_some() => {
                    (raw_bytes(rest).unwrap_or(1), false, "_")
                }
                _ => {
                    let length = first.len_utf8();
                    (length, false, rest.get(..length).unwrap_or_default())
                }
            };
            let (part, after) = rest.split_at(length.max(1));
            rest = after;
            if comment {
                comments.push_str(part);
            }
            code.push_str(code_shows);
            // Keep the lines of both in step.
            let newlines = "\n".repeat(part.matches('\n').count());
            if !comment {
                comments.push_str(&newlines);
            }
            if code_shows != part {
                code.push_str(&newlines);
            }
        }
        Source { code, comments }
    }

    /// Names in `#[cfg(test)] mod name;`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let tokens = tokens(&self.code);
        let starts = tokens.windows(TEST.len() + 3);
        let found = starts.filter_map(|window| {
            let (test, module) = window.split_at_checked(TEST.len())?;
            let [keyword, name, end] = module else { return None };
            let fits = is_test(test) && keyword.text == "mod" && end.text == ";";
            fits.then(|| name.text.to_owned())
        });
        found.collect()
    }

    /// Every path in the code of `module`, the file's place below `crate`.
    pub(crate) fn paths(&self, module: &[&str]) -> Vec<Path> {
        let tokens = tokens(&self.code);
        let mut walk = Walk { tokens: &tokens, at: 0, blocks: vec![], module, found: vec![] };
        walk.run();
        walk.found
    }
}

/// What makes the next item a test's.
const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn is_test(tokens: &[Token<'_>]) -> bool {
    tokens.len() >= TEST.len() && tokens.iter().zip(TEST).all(|(token, text)| token.text == text)
}

fn string_bytes(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `None` for a lifetime.
fn char_bytes(text: &str) -> Option<usize> {
    let mut letters = text.char_indices().skip(1);
    let (_, first) = letters.next()?;
    if first == '\\' {
        letters.next()?;
        return letters.find(|(_, letter)| *letter == '\'').map(|(at, _)| at + 1);
    }
    letters.next().filter(|(_, letter)| *letter == '\'').map(|(at, _)| at + 1)
}

fn raw_bytes(text: &str) -> Option<usize> {
    let behind = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let open = behind.trim_start_matches('#');
    let hashes = "#".repeat(behind.len() - open.len());
    let content = open.strip_prefix('"')?;
    let end = content.find(&format!("\"{hashes}"))?;
    Some(text.len() - content.len() + end + 1 + hashes.len())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn ends_in_word(code: &str) -> bool {
    code.chars().next_back().is_some_and(is_word)
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = vec![];
    for (number, content) in code.lines().enumerate() {
        let mut rest = content;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let (text, after) = rest.split_at(length);
            if !first.is_whitespace() {
                tokens.push(Token { line: number + 1, text });
            }
            rest = after;
        }
    }
    tokens
}

/// A pair of braces.
struct Block<'t> {
    module: Option<&'t str>,
    test: bool,
}

struct Walk<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
    blocks: Vec<Block<'t>>,
    module: &'t [&'t str],
    found: Vec<Path>,
}

impl<'t> Walk<'t> {
    fn peek(&self, ahead: usize) -> &'t str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn run(&mut self) {
        let (mut module, mut test) = (None, false);
        while let Some(token) = self.tokens.get(self.at) {
            match token.text {
                "#" if is_test(self.tokens.get(self.at..).unwrap_or_default()) => {
                    test = true;
                    self.at += TEST.len() - 1;
                }
                "mod" => module = Some(self.peek(1)),
                "{" => {
                    self.blocks.push(Block { module: module.take(), test });
                    test = false;
                }
                "}" => {
                    self.blocks.pop();
                }
                ";" => (module, test) = (None, false),
                "use" if self.peek(1) != "<" => {
                    self.at += 1;
                    self.tree(&[], test);
                    continue;
                }
                text if text.starts_with(is_word) => {
                    self.tree(&[], test);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// One path, or the braces that several end in.
    fn tree(&mut self, before: &[&'t str], test: bool) {
        let mut segments = before.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.peek(0) {
                "::" => {}
                "{" if !before.is_empty() || !segments.is_empty() => {
                    self.at += 1;
                    while !matches!(self.peek(0), "}" | "") {
                        let start = self.at;
                        self.tree(&segments, test);
                        let skip = self.at == start || self.peek(0) == ",";
                        self.at += usize::from(skip);
                    }
                    self.at += 1;
                    return;
                }
                text if text.starts_with(is_word) => segments.push(text),
                _ => break,
            }
            self.at += 1;
            if self.peek(0) != "::" && self.tokens.get(self.at - 1).is_none_or(|t| t.text != "::") {
                break;
            }
        }
        if self.peek(0) == "as" {
            self.at += 2;
        }
        self.find(line, &segments, test);
    }

    fn find(&mut self, line: usize, segments: &[&str], test: bool) {
        let inline = self.blocks.iter().filter_map(|block| block.module);
        let mut here: Vec<&str> = self.module.iter().copied().chain(inline).collect();
        let mut ours = true;
        let mut rest = segments;
        match segments {
            ["crate", ..] => here.clear(),
            ["self" | "super", ..] => {}
            _ => ours = false,
        }
        while ours && let [head @ ("crate" | "self" | "super"), behind @ ..] = rest {
            if *head == "super" {
                here.pop();
            }
            rest = behind;
        }
        if !ours {
            here.clear();
        }
        let segments = here.iter().chain(rest).map(|&segment| segment.to_owned()).collect();
        let test = test || self.blocks.iter().any(|block| block.test);
        self.found.push(Path { line, ours, segments, test });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(text: &str, module: &[&str]) -> Vec<(usize, String, bool)> {
        let paths = Source::of(text).paths(module).into_iter().filter(|path| path.ours);
        paths.map(|path| (path.line, path.segments.join("::"), path.test)).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let source = Source::of("a /* b\n c */ \"d // e\" 'f' r#\"g\"h\"# 'i // j\n\"k\nl\" m");
        assert_eq!(source.code, "a \n _ _ _ 'i \n_\n m");
        assert_eq!(source.comments, "/* b\n c */// j\n\n");
    }

    #[test]
    fn a_path_is_followed_from_where_it_stands() {
        let text = "use super::{super::{cart, gather::Gather as G}, Actor};\nuse crate::{a::b, c};\n\
                    fn f() -> impl A + use<'a> { super::super::super::x::y() }";
        let found = ours(text, &["actors", "order", "placing"]);
        let expect = [
            (1, "actors::cart"),
            (1, "actors::gather::Gather"),
            (1, "actors::order::Actor"),
            (2, "a::b"),
            (2, "c"),
            (3, "x::y"),
        ];
        let found: Vec<_> = found.iter().map(|(line, path, _)| (*line, path.as_str())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_module_in_the_file_is_one_step_deeper() {
        let text = "#[cfg(test)]\nmod tests {\n use super::super::x;\n}\nuse super::y;";
        let expect = [(3, "x".to_owned(), true), (5, "y".to_owned(), false)];
        assert_eq!(ours(text, &["journal"]), expect);
    }

    #[test]
    fn test_modules_are_found_by_their_declaration() {
        let source = Source::of("#[cfg(test)]\nmod tests;\nmod real;\n#[cfg(not(test))]\nmod b;");
        assert_eq!(source.test_modules(), ["tests"]);
    }
}
