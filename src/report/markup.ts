/** HTML that is safe by construction: only the `html` tag makes it, and it escapes every value that is not markup. */
import { escapeHtml } from './escape.ts'

export class Markup {
  readonly text: string

  /** @param text markup whose values are escaped already; outside this file only constants of the package */
  constructor(text: string) {
    this.text = text
  }
}

export type Insertable = string | number | Markup | readonly Insertable[] | null | false

export function html(strings: TemplateStringsArray, ...values: readonly Insertable[]): Markup {
  let text = strings[0] ?? ''
  values.forEach((value, i) => {
    text += insert(value) + (strings[i + 1] ?? '')
  })
  return new Markup(text)
}

export const nothing = new Markup('')

/** A name that may stand in an id, a class or an anchor. */
export function anchor(...words: readonly string[]): string {
  return words
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
}

function insert(value: Insertable): string {
  if (value === null || value === false) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  return value.map(insert).join('')
}
