/** A plain table of facts that may be wider than a phone: it scrolls by itself and can be reached by keyboard. */
import { html } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'

export interface FactTable {
  /** Names the region for those who listen. */
  readonly label: string
  /** A heading that begins with `#` is a column of numbers. */
  readonly headings: readonly string[]
  /** The first cell of a row names it. */
  readonly rows: readonly (readonly Insertable[])[]
}

export function factTable({ label, headings, rows }: FactTable): Markup {
  const isNumber = (column: number): boolean => headings[column]?.startsWith('#') === true
  const heading = (words: string, column: number): Markup =>
    html`<th scope="col" class="${isNumber(column) ? 'num' : ''}">${words.replace(/^#/, '')}</th>`
  const cell = (value: Insertable, column: number): Markup =>
    column === 0
      ? html`<th scope="row">${value}</th>`
      : html`<td class="${isNumber(column) ? 'num' : ''}">${value}</td>`
  return html`<div class="wide" role="region" aria-label="${label}" tabindex="0">
    <table class="plain">
      <thead>
        <tr>
          ${headings.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}
