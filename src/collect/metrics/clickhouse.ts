/** ClickHouse: parts, merges and inserts. */
import { metric } from './metric.ts'

export const CLICKHOUSE_METRICS = [
  metric('parts.active', 'parts', 'active parts', 'active data parts', 'less', 'gauge', 'table'),
  metric('parts.created', 'parts', 'parts created', 'parts written by inserts', 'less', 'counter'),
  metric('merges.running', 'merges', 'running merges', 'background merges running now', 'less'),
  metric(
    'merges.completed',
    'merges',
    'completed merges',
    'background merges finished',
    'neither',
    'counter',
  ),
  metric(
    'inserts.delayed',
    'inserts',
    'delayed inserts',
    'inserts slowed because of too many parts',
    'less',
    'counter',
  ),
  metric(
    'inserts.rejected',
    'inserts',
    'rejected inserts',
    'inserts refused because of too many parts',
    'less',
    'counter',
  ),
  metric(
    'inserts.statements',
    'inserts',
    'insert statements',
    'insert statements begun',
    'neither',
    'counter',
  ),
  metric('parts.perInsert', 'parts', 'parts per insert', 'new parts per insert statement', 'less'),
] as const
