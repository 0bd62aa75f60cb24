/**
 * How a string from outside is made harmless. In: any string at all. Out: text that is only text in HTML, XML, Markdown
 * or a script block. Characters that lie about themselves (bidi overrides, lone surrogates) become U+FFFD.
 */

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** Controls, lone surrogates, bidi overrides and noncharacters: invalid in XML 1.0, or able to reorder what is read. */
const DECEITFUL =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|\p{Surrogate}/gu

export function honestText(text: string): string {
  return text.replace(DECEITFUL, '\ufffd')
}

/** For element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return honestText(text).replace(/[&<>"'`]/g, (char) => HTML_ESCAPES[char] ?? char)
}

/** For XML 1.0 content and quoted attributes: line breaks survive as character references. */
export function escapeXml(text: string): string {
  return escapeHtml(text).replace(/[\n\r\t]/g, (char) => `&#${char.charCodeAt(0).toString()};`)
}

/** For Markdown text and table cells: one line, nothing of it is markup, a link or a mention. */
export function escapeMarkdown(text: string): string {
  return honestText(text)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@/g, '&#64;')
    .replace(/[\\`*_[\]#|~]/g, '\\$&')
    .replace(/^([-=+])/, '\\$1')
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
    .replace(/:\/\//g, '&#58;//')
    .replace(/\bwww\./gi, '$&&#8203;')
}

/** JSON that cannot end the script block it stands in, nor a line of JavaScript. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
