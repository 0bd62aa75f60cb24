/** Replicas, and the reads that go there. */
import { metric } from './metric.ts'

export const REPLICA_METRICS = [
  metric(
    'replica.unreplayedBytes',
    'bytes',
    'log not replayed',
    'WAL that a replica has received and not yet replayed',
    'less',
    'gauge',
    'replica',
  ),
  metric(
    'replica.cancelledQueries',
    'queries',
    'cancelled on a replica',
    'queries cancelled because replay needed what they held',
    'less',
    'counter',
    'replica',
  ),
  metric(
    'replica.heartbeatLagMs',
    'ms',
    'heartbeat lag',
    'the primary’s last heartbeat minus the one visible on a replica, on the primary’s clock',
    'less',
    'gauge',
    'replica',
  ),
  metric(
    'replica.breakerOpenRatio',
    'ratio',
    'breaker open',
    'whether reads of this class are kept from this replica: 0 closed, 0.5 half-open, 1 open',
    'less',
    'gauge',
    'replica and read class',
  ),
  metric(
    'replica.breakerOpenings',
    'openings',
    'breaker openings',
    'how often the breaker of this replica and read class opened, from closed or from half-open',
    'less',
    'counter',
    'replica and read class',
  ),
  metric(
    'replica.reads',
    'reads',
    'reads by source',
    'reads that this copy answered',
    'neither',
    'counter',
    'source',
  ),
] as const
