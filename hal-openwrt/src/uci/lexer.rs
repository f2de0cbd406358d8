//! UCI's words, as libuci's `file.c` reads them.

/// Why a statement can't be read, and what to do.
pub(crate) struct Unreadable(pub(crate) &'static str);

/// Takes a text apart, word by word. A word is a run of pieces without space between: bare
/// characters, `'...'` as it stands, `"..."`; a backslash outside of `'...'` keeps what follows
/// it, or joins two lines. `#` starts a comment and `;` ends a statement.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The first word of the next statement, with its line; `None` at the end of the text.
    pub(crate) fn keyword(&mut self) -> Option<(usize, &'a str)> {
        loop {
            match self.peek()? {
                '#' => self.skip_comment(),
                c if c.is_ascii_whitespace() || c == ';' => {
                    self.next();
                }
                _ => break,
            }
        }
        let (start, line) = (self.at, self.line);
        while self.peek().is_some_and(|c| !c.is_ascii_whitespace() && c != ';') {
            self.next();
        }
        Some((line, &self.text[start..self.at]))
    }

    /// The next word of the statement; `None` at its end.
    pub(crate) fn word(&mut self) -> Result<Option<String>, Unreadable> {
        while self.peek().is_some_and(|c| c.is_ascii_whitespace() && c != '\n') {
            self.next();
        }
        match self.peek() {
            None | Some('\n' | ';') => return Ok(None),
            Some('#') => {
                self.skip_comment();
                return Ok(None);
            }
            Some(_) => {}
        }
        let mut word = String::new();
        while let Some(c) = self.peek() {
            match c {
                c if c.is_ascii_whitespace() => break,
                '#' | ';' => break,
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' => self.escaped(&mut word),
                c => {
                    self.next();
                    word.push(c);
                }
            }
        }
        Ok(Some(word))
    }

    /// Goes on after line `line`, from wherever reading stopped.
    pub(crate) fn skip_line(&mut self, line: usize) {
        let rest = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        self.at = rest;
        self.line = line + 1;
    }

    fn single_quoted(&mut self, word: &mut String) -> Result<(), Unreadable> {
        self.next();
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some(c) => word.push(c),
                None => {
                    return Err(Unreadable("a ' is never closed; inside of quotes write '\\''"));
                }
            }
        }
    }

    fn double_quoted(&mut self, word: &mut String) -> Result<(), Unreadable> {
        self.next();
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.next();
                    return Ok(());
                }
                '\\' => self.escaped(word),
                c => {
                    self.next();
                    word.push(c);
                }
            }
        }
        Err(Unreadable("a \" is never closed; inside of quotes write \\\""))
    }

    /// A backslash: keeps what follows it, but for the end of a line, which goes with it.
    fn escaped(&mut self, word: &mut String) {
        self.next();
        if self.text[self.at..].starts_with("\r\n") {
            self.next();
        }
        match self.next() {
            None | Some('\n') => {}
            Some(c) => word.push(c),
        }
    }

    fn skip_comment(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        self.line += usize::from(c == '\n');
        Some(c)
    }
}
