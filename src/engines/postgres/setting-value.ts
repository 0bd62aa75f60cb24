/** Whether two spellings of a setting's value say the same: `128MB` and 16384 pages, `on` and `true`. */

/** A row of pg_settings. */
export interface SettingValue {
  readonly setting: string
  /** `8kB`, `ms`; null for numbers without one and for texts. */
  readonly unit: string | null
  readonly vartype: string
}

const TRUE = new Set(['on', 'true', 'yes', '1'])
const FALSE = new Set(['off', 'false', 'no', '0'])

/** PostgreSQL's units, in bytes and in microseconds. */
const FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_024,
  MB: 1_024 ** 2,
  GB: 1_024 ** 3,
  TB: 1_024 ** 4,
  us: 1,
  ms: 1e3,
  s: 1e6,
  min: 60e6,
  h: 3_600e6,
  d: 86_400e6,
}

export function isSameValue(actual: SettingValue, asked: string): boolean {
  const wanted = asked.trim()
  if (actual.setting.toLowerCase() === wanted.toLowerCase()) return true
  switch (actual.vartype) {
    case 'bool':
      return actual.setting === 'on'
        ? TRUE.has(wanted.toLowerCase())
        : FALSE.has(wanted.toLowerCase())
    case 'integer':
    case 'real': {
      const [is, should] = [inBase(actual.setting, actual.unit), inBase(wanted, actual.unit)]
      // PostgreSQL rounds to the setting's own unit.
      const step = inBase('1', actual.unit) ?? 0
      return is !== null && should !== null && Math.abs(is - should) <= step / 2
    }
    default:
      return false
  }
}

/** A number with its unit, or with the setting's own where it has none; null where it is no number. */
function inBase(text: string, unit: string | null): number | null {
  const match = /^([-+]?[\d.]+(?:e[-+]?\d+)?)\s*([a-zA-Z]*)$/.exec(text)
  if (match === null) return null
  const number = Number(match[1])
  // -1 and 0 often mean something special, in any unit.
  if (!Number.isFinite(number)) return null
  const factor = factorOf(match[2] === '' ? unit : (match[2] ?? null))
  return factor === null ? null : number * factor
}

function factorOf(unit: string | null): number | null {
  if (unit === null) return 1
  const match = /^(\d*)([a-zA-Z]+)$/.exec(unit)
  const factor = FACTORS[match?.[2] ?? '']
  if (factor === undefined) return null
  return Number(match?.[1] === '' ? 1 : match?.[1]) * factor
}
