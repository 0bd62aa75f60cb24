/** Every architecture there is. The only file of src that may name reference-impl. */
import { clickhouseDirect } from '../../reference-impl/clickhouse-direct/architecture.ts'
import { dualWrite } from '../../reference-impl/dual-write/architecture.ts'
import { outbox } from '../../reference-impl/outbox/architecture.ts'
import { outboxClickhouse } from '../../reference-impl/outbox-clickhouse/architecture.ts'
import { eav } from '../../reference-impl/eav/architecture.ts'
import { pgBatch } from '../../reference-impl/pg-batch/architecture.ts'
import { pgDirect } from '../../reference-impl/pg-direct/architecture.ts'
import { pgPartitioned } from '../../reference-impl/pg-partitioned/architecture.ts'
import { pgReplica } from '../../reference-impl/pg-replica/architecture.ts'
import { timescale } from '../../reference-impl/timescale/architecture.ts'
import type { Architecture } from '../architecture/architecture.ts'

export const architectures: readonly Architecture[] = [
  pgDirect,
  pgBatch,
  pgPartitioned,
  timescale,
  dualWrite,
  clickhouseDirect,
  pgReplica,
  outbox,
  outboxClickhouse,
  eav,
]

/** Undefined when there is none of this id. */
export function architectureById(id: string): Architecture | undefined {
  return architectures.find((architecture) => architecture.id === id)
}
