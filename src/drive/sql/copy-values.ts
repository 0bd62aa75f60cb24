/** COPY text back to values, for statements that take parameters. In: rows as COPY writes them. Out: texts and nulls. */

const NULL = '\\N'
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
}

export type RowValues = readonly (string | null)[]

export function rowsOf(copyText: string): readonly RowValues[] {
  return copyText
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t').map(valueOf))
}

function valueOf(text: string): string | null {
  if (text === NULL) return null
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\(.)/g, (_whole, letter: string) => ESCAPES[letter] ?? letter)
}
