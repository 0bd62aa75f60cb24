/** Lines of a Prometheus page (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function counter(
  name: string,
  help: string,
  values: readonly (readonly [labels: string, value: number])[],
): readonly string[] {
  return family(name, help, { type: 'counter', values })
}

/** @param sample the name, with its labels where it has one value only */
export function gauge(sample: string, help: string, value: number): readonly string[] {
  const [name = sample] = sample.split('{')
  return family(name, help, { type: 'gauge', values: [[sample.slice(name.length), value]] })
}

export function family(
  name: string,
  help: string,
  {
    type,
    values,
  }: {
    readonly type: 'counter' | 'gauge'
    readonly values: readonly (readonly [labels: string, value: number])[]
  },
): readonly string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...values.map(([labels, value]) => `${name}${labels} ${String(value)}`),
  ]
}
