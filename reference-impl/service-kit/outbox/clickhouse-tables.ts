/** A table of ClickHouse per consumer, and the view that shows each event of it once. */
import { RAW_TABLE } from '../clickhouse/insert-rows.ts'

export function rawTableOf(consumer: number): string {
  return consumer === 1 ? RAW_TABLE : `${RAW_TABLE}_${String(consumer)}`
}

export function viewOf(consumer: number): string {
  return consumer === 1 ? 'events' : `events_${String(consumer)}`
}

/** What the schema file makes is the first consumer's; the others are made like it. */
export function furtherConsumers(consumers: number): readonly string[] {
  return Array.from({ length: consumers - 1 }, (_, index) => index + 2).flatMap((consumer) => [
    `CREATE TABLE ${rawTableOf(consumer)} AS ${RAW_TABLE}`,
    `CREATE VIEW ${viewOf(consumer)} AS SELECT * FROM ${rawTableOf(consumer)} FINAL`,
  ])
}
