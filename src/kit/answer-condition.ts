/**
 * What a user says of an HTTP answer. In: status and parsed body. Out: whether they are what he described.
 */

export type Scalar = string | number | boolean | null

/** Both must fit; a null one always does. */
export interface AnswerCondition {
  /** Statuses, and classes of them as `2` for 2xx. */
  readonly statuses: readonly number[] | null
  readonly body: readonly { readonly path: string; readonly values: readonly Scalar[] }[]
}

export function fits(
  { statuses, body }: AnswerCondition,
  status: number,
  answer: unknown,
): boolean {
  if (statuses !== null) {
    const isListed = statuses.includes(status) || statuses.includes(Math.floor(status / 100))
    if (!isListed) return false
  }
  return body.every(({ path, values }) => values.includes(memberOf(answer, path) as Scalar))
}

/** `data.items.0.id`; an empty path is the value itself. */
export function memberOf(value: unknown, path: string): unknown {
  if (path === '') return value
  return path.split('.').reduce<unknown>((at, key) => {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    return (at as Readonly<Record<string, unknown>>)[key]
  }, value)
}
