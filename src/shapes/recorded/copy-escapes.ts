/** Text in, a field of a COPY text row out. PostgreSQL's backslash escapes; ClickHouse's TabSeparated reads the same. */
const SPECIAL = /[\\\n\r\t]/
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

export function escapeCopy(text: string): string {
  if (!SPECIAL.test(text)) return text
  return text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character)
}
