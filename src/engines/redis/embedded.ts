/**
 * Redis as a local process. In: settings. Out: a running engine with its own data, port and password; nothing of it is left
 * after disposal but the log.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineSettings, RunningEngine } from '../engine.ts'
import { onFreePort } from '../on-free-port.ts'
import { requireProgram } from '../packages/program.ts'
import { askRedis, redisControl } from './control.ts'
import { redisProbes } from './probes.ts'
import { RedisReading } from './reading.ts'
import { RedisServer } from './server.ts'
import { redisSettings, TELLING_SETTINGS } from './settings.ts'

/** @throws HeadroomError ENGINE_MISSING, BAD_INPUT, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startEmbeddedRedis(
  asked: EngineSettings,
  context: EngineContext,
): Promise<RunningEngine<'redis'>> {
  const { port: askedPort, settings } = redisSettings(asked)
  const program = requireProgram('redis')
  const { name, logDir, dataDir, signal } = context
  await using scope = new Scope()

  claimDataDir(dataDir)
  scope.defer(() => {
    releaseDataDir(dataDir)
  })
  mkdirSync(logDir, { recursive: true })
  const logFile = join(logDir, `${name}.log`)
  const server = scope.use(
    await onFreePort(askedPort, context, async (port) => {
      const made = new RedisServer({ name, program, dir: dataDir, settings, port, logFile, signal })
      await made.start()
      return made
    }),
  )
  const reading = scope.use(new RedisReading(server.address))
  const names = new Set([...TELLING_SETTINGS, ...Object.keys(settings)])
  const known = await askRedis(reading, [...names], signal)

  const owned = scope.move()
  return {
    kind: 'redis',
    name,
    provider: 'embedded',
    label: `redis ${known.version}`,
    ...known,
    addressFor: () => server.address,
    parts: [server],
    probes: redisProbes(reading),
    crashed: server.crashed,
    control: redisControl(reading),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
