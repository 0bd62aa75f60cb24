/** One metric: unit, meaning, and which way is better. */
export interface Metric {
  readonly id: string
  readonly unit: string
  readonly title: string
  readonly meaning: string
  readonly better: 'less' | 'more' | 'neither'
  /** How a probe reports it: a gauge, or a counter whose rate or difference is taken. */
  readonly kind: 'gauge' | 'counter'
  /** What the label names, where the metric has instances. */
  readonly label: string | null
}

export const metric = <const Id extends string>(
  ...[id, unit, title, meaning, better, kind = 'gauge', label = null]: readonly [
    id: Id,
    unit: string,
    title: string,
    meaning: string,
    better: Metric['better'],
    kind?: Metric['kind'],
    label?: string | null,
  ]
): Metric & { readonly id: Id } => ({ id, unit, title, meaning, better, kind, label })
