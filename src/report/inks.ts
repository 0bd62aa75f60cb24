/** Colours as classes: the page’s policy allows no inline style. `ink-0067b1` is one Ink on both grounds. */
import type { Ink } from './palette.ts'

export function inkClass(ink: Ink): string {
  return `ink-${ink.light.slice(1)}-${ink.dark.slice(1)}`
}

/** One rule for each ink, in order of first use. */
export function inkRules(inks: readonly Ink[]): string {
  const rules = new Map<string, string>()
  for (const ink of inks) {
    const name = inkClass(ink)
    rules.set(name, `.${name}{--ink:light-dark(${ink.light},${ink.dark})}`)
  }
  return [...rules.values()].join('\n')
}
