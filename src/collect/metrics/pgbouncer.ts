/** PgBouncer: its clients, its servers, and who waits. */
import { metric } from './metric.ts'

export const PGBOUNCER_METRICS = [
  metric(
    'pooler.clientsActive',
    'clients',
    'pooled clients',
    'clients linked to a server',
    'neither',
  ),
  metric(
    'pooler.clientsWaiting',
    'clients',
    'waiting clients',
    'clients that wait for a server connection',
    'less',
  ),
  metric(
    'pooler.serversActive',
    'connections',
    'busy server connections',
    'connections to the server that are linked to a client',
    'neither',
  ),
  metric(
    'pooler.serversIdle',
    'connections',
    'idle server connections',
    'connections to the server that no client uses',
    'neither',
  ),
  metric(
    'pooler.waitMaxMs',
    'ms',
    'longest pooler wait',
    'how long the client that waits longest for a server connection has waited',
    'less',
  ),
  metric(
    'pooler.waitMs',
    'ms',
    'pooler wait',
    'mean wait for a server connection per transaction since the last sample',
    'less',
  ),
  metric(
    'pooler.transactions',
    'transactions',
    'pooled transactions',
    'transactions that went through the pooler',
    'neither',
    'counter',
  ),
] as const
