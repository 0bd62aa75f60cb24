/** A store that is two lists of rows: what the audit reads, with whatever faults a test puts in. */
import type { Store, StoredRows, StoreTotals } from '../../src/engines/engine.ts'

export interface MemoryRow {
  readonly source: string
  readonly id: string
  readonly value: number
}

export class MemoryStore implements Pick<Store, 'name' | 'rows' | 'readable' | 'totals'> {
  readonly name: string
  readonly raw: readonly MemoryRow[]
  readonly view: readonly MemoryRow[]

  constructor(name: string, raw: readonly MemoryRow[], view: readonly MemoryRow[] = raw) {
    this.name = name
    this.raw = raw
    this.view = view
  }

  rows(): AsyncIterable<StoredRows> {
    return batches(this.raw)
  }

  readable(): AsyncIterable<StoredRows> {
    return batches(this.view)
  }

  totals(): Promise<StoreTotals> {
    const rowsByOrganization = new Map<string, number>()
    let value64Sum = 0n
    for (const { source, value } of this.raw) {
      rowsByOrganization.set(source, (rowsByOrganization.get(source) ?? 0) + 1)
      if (Number.isFinite(value)) value64Sum += BigInt(Math.round(value * 64))
    }
    const distinctIds = new Set(this.raw.map(({ source, id }) => `${source}/${id}`)).size
    return Promise.resolve({ rows: this.raw.length, distinctIds, value64Sum, rowsByOrganization })
  }
}

async function* batches(rows: readonly MemoryRow[]): AsyncGenerator<StoredRows> {
  for (let from = 0; from < rows.length; from += 7) {
    const batch = rows.slice(from, from + 7)
    await Promise.resolve()
    yield {
      ids: batch.map(({ id }) => id),
      sources: batch.map(({ source }) => source),
      values: Float64Array.from(batch, ({ value }) => value),
    }
  }
}
