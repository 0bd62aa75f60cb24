/**
 * Redis's settings. In: what a target asks for. Out: the lines of its configuration: a log that is on disk within a second and
 * throws nothing out, unless the target says otherwise.
 */
import type { EngineSettings } from '../engine.ts'
import { checkSettings } from '../setting-names.ts'

const RULES = {
  engine: 'redis',
  name: /^[a-z][a-z0-9-]*$/i,
  reserved: {
    bind: 'a server that is started here listens on 127.0.0.1 only',
    dir: 'it is made for the run and removed after it',
    requirepass: 'a password is drawn for the run',
    masterauth: 'a password is drawn for the run',
    user: 'the one user has a password that is drawn for the run',
    aclfile: 'the one user has a password that is drawn for the run',
    logfile: 'the log goes to the run’s folder',
    'syslog-enabled': 'the log goes to the run’s folder',
    pidfile: 'the server is known by its process',
    daemonize: 'the server is known by its process',
    supervised: 'the server is known by its process',
    'set-proc-title': 'the server is known by its process',
    unixsocket: 'a server that is started here is reached by TCP',
    'tls-port': 'a server that is started here listens on 127.0.0.1 only',
    include: 'settings stand in the target',
    loadmodule: 'it would run programs of others',
    'protected-mode': 'a server that is started here has a password',
  },
} as const

/** As in docker-compose.yml, so that the two can be compared. */
const DEFAULTS: EngineSettings = {
  appendonly: 'yes',
  appendfsync: 'everysec',
  // Snapshots beside the log would be one more thing that writes.
  save: '',
  maxmemory: '512mb',
  'maxmemory-policy': 'noeviction',
}

/** What decides what an acknowledged write survives, and whether it is kept: reported whatever was asked for. */
export const TELLING_SETTINGS = Object.keys(DEFAULTS)

export interface RedisSettings {
  /** undefined: any free one. */
  readonly port: string | undefined
  readonly settings: EngineSettings
}

/** @throws HeadroomError BAD_INPUT for names that cannot be settings and for those the harness keeps */
export function redisSettings(asked: EngineSettings): RedisSettings {
  checkSettings(asked, RULES)
  const lower = Object.entries(asked).map(([name, value]) => [name.toLowerCase(), value] as const)
  const { port, ...settings } = Object.fromEntries(lower)
  return { port, settings: { ...DEFAULTS, ...settings } }
}

/** @throws HeadroomError BAD_INPUT */
export function checkRedisSettings(asked: EngineSettings): void {
  checkSettings(asked, RULES)
}

/** One line per setting; a value of several words is several arguments, as in redis.conf. */
export function configLines(settings: EngineSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
    .join('')
}
