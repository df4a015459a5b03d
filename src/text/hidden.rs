//! Characters that are not what they look like: they steer a terminal, turn the direction of text, or cannot be seen.

/// Whether a character may not be shown as it is: a control character other than tab and line feed, one that changes the
/// direction of text, or one without width that is meant for machines. Joiners of scripts and emoji are none of these.
pub fn is_hidden(c: char) -> bool {
    is_control(c)
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A control character that no text file needs.
pub(super) fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{9f}')
}
