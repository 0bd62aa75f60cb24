/** Redis: memory, keys and its append-only file. */
import { metric } from './metric.ts'

export const REDIS_METRICS = [
  metric('redis.memoryBytes', 'bytes', 'Redis memory', 'memory that holds its data', 'less'),
  metric(
    'redis.commands',
    'commands',
    'Redis commands',
    'commands that were run',
    'neither',
    'counter',
  ),
  metric(
    'redis.commandsPerS',
    'commands/s',
    'Redis command rate',
    'commands run per second, those of the harness included',
    'neither',
  ),
  metric(
    'redis.evictedKeys',
    'keys',
    'evicted keys',
    'keys thrown out because memory was full',
    'less',
    'counter',
  ),
  metric(
    'redis.clients',
    'clients',
    'Redis clients',
    'connections that clients hold to it',
    'neither',
  ),
  metric(
    'redis.delayedFsyncs',
    'flushes',
    'delayed flushes',
    'times that writing waited for a flush of the log',
    'less',
    'counter',
  ),
  metric(
    'redis.hitRatio',
    'ratio',
    'Redis hits',
    'keys that were there among those looked up',
    'more',
  ),
] as const
