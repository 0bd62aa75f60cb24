/** One CSV record (RFC 4180) in, its fields out, or a sentence that says what is wrong with it. */

export type CsvFields =
  | { readonly state: 'fields'; readonly fields: readonly string[] }
  | { readonly state: 'malformed'; readonly because: string }

export function parseCsvRecord(text: string): CsvFields {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const field = text[at] === '"' ? quotedField(text, at) : plainField(text, at)
    if (typeof field === 'string') return { state: 'malformed', because: field }
    fields.push(field.text)
    if (field.end >= text.length) return { state: 'fields', fields }
    at = field.end + 1
  }
}

interface Field {
  readonly text: string
  /** Where its comma stands, or the end of the record. */
  readonly end: number
}

function plainField(text: string, from: number): Field | string {
  const comma = text.indexOf(',', from)
  const end = comma === -1 ? text.length : comma
  const field = text.slice(from, end)
  if (field.includes('"')) return 'a quote inside a field that does not start with one'
  return { text: field, end }
}

function quotedField(text: string, from: number): Field | string {
  let field = ''
  let at = from + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return 'a quoted field is not closed'
    field += text.slice(at, quote)
    if (text[quote + 1] !== '"') {
      const end = quote + 1
      if (end < text.length && text[end] !== ',') return 'text behind a closing quote'
      return { text: field, end }
    }
    field += '"'
    at = quote + 2
  }
}
