/** What a router counted, as lines of GET /metrics. */
import { counter, family } from '../metrics-text.ts'
import type { Breaker } from './breaker.ts'
import { READ_CLASSES, type ReadClass } from './read-class.ts'
import type { RouterMeter } from './router.ts'

const MS_PER_S = 1_000
const SHARE_OPEN: Readonly<Record<Breaker['state'], number>> = {
  closed: 0,
  'half-open': 0.5,
  open: 1,
}

export function routedLines({ reads, primaryReads, replicas }: RouterMeter): readonly string[] {
  return [
    ...counter(
      'headroom_reads_total',
      'Reads by the copy that answered.',
      [...reads].map(([source, count]) => [`{source="${source}"}`, count]),
    ),
    ...counter(
      'headroom_primary_reads_total',
      'Reads that the primary answered, by why no replica did.',
      [...primaryReads].map(([because, count]) => [`{because="${because}"}`, count]),
    ),
    ...counter(
      'headroom_breaker_openings_total',
      'How often the breaker of a class opened.',
      replicas.flatMap(({ name, openings }) =>
        READ_CLASSES.map((readClass): readonly [string, number] => [
          labels(name, readClass),
          openings[readClass],
        ]),
      ),
    ),
    ...family(
      'headroom_replica_heartbeat_lag_seconds',
      'The primary\u2019s last heartbeat minus the one visible on the replica.',
      {
        type: 'gauge',
        values: replicas.flatMap(({ name, heartbeatLagMs }) =>
          heartbeatLagMs === null ? [] : [[`{replica="${name}"}`, heartbeatLagMs / MS_PER_S]],
        ),
      },
    ),
    ...family(
      'headroom_replica_breaker_open',
      'Whether reads of a class are kept from a replica: 0 closed, 0.5 half-open, 1 open.',
      {
        type: 'gauge',
        values: replicas.flatMap(({ name, breakers }) =>
          READ_CLASSES.map((readClass): readonly [string, number] => [
            labels(name, readClass),
            SHARE_OPEN[breakers[readClass]],
          ]),
        ),
      },
    ),
  ]
}

function labels(replica: string, readClass: ReadClass): string {
  return `{replica="${replica}",class="${readClass}"}`
}
