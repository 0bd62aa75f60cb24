/**
 * A Kafka of the user's own: a real broker (KRaft) with SASL over TLS from a test CA and ACLs. Its jars come from Maven
 * and are no part of this package: HEADROOM_TEST_KAFKA_LIB names the folder that holds them
 * (scripts/ci-servers.sh gets them).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { externalEngines } from '../../src/cli/external-engines.ts'
import { ownServers } from '../../src/engines/own-servers.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import { freePort, portIsFree } from '../../src/kit/ports.ts'
import type { Daemon } from '../../src/kit/process.ts'
import { spawnDaemon, waitUntilReady } from '../../src/kit/process.ts'
import { makeAuthority } from '../fixtures/certificates.ts'

const SECRET = 'cAnary-Pa55&x'
const signal = new AbortController().signal
const lib = process.env['HEADROOM_TEST_KAFKA_LIB'] ?? ''
const isMissing = lib === '' && !process.env['HEADROOM_REQUIRE_ALL']

describe.skipIf(isMissing)('a Kafka of the user’s own (HEADROOM_TEST_KAFKA_LIB)', () => {
  const base = mkdtempSync(join(tmpdir(), 'headroom-own-kafka-'))
  const file = (name: string, text: string): string => {
    const path = join(base, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const authority = makeAuthority()
  const caFile = file('ca.pem', authority.certificate)
  const logFile = join(base, 'kafka.log')
  let daemon: Daemon
  let port = 0

  const java = async (name: string, args: readonly string[]): Promise<Daemon> =>
    await spawnDaemon({
      name,
      command: 'java',
      args: ['-Xmx400m', '-cp', `${lib}/*`, ...args],
      cwd: base,
      logFile,
    })
  beforeAll(async () => {
    port = await freePort()
    const [internal, controller] = [await freePort(), await freePort()]
    const shown = authority.issue({ commonName: 'own', hosts: ['localhost', '127.0.0.1'] })
    const config = file('server.properties', properties({ port, internal, controller, base }))
    file('server.pem', `${shown.key}${shown.certificate}`)
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) =>
      ['bench', 'narrow'].flatMap((user) => [
        '--add-scram',
        `${mechanism}=[name=${user},password=${SECRET}]`,
      ]),
    )
    const format = ['format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', config, ...scram]
    const formatted = await java('kafka format', ['kafka.tools.StorageTool', ...format])
    await formatted.exited
    await formatted.kill()
    daemon = await java('own kafka', ['kafka.Kafka', config])
    const ready = async (): Promise<boolean> => !(await portIsFree(port))
    await waitUntilReady(daemon, ready, { timeoutMs: 90_000, signal })
  })
  afterAll(async () => {
    await daemon.stop()
    rmSync(base, { recursive: true, force: true })
  })

  const looked = async (dsn: string, settings: Record<string, string> = {}) => {
    const { addresses } = externalEngines({ kafka: dsn, engines: undefined }, {})
    if (addresses.kafka === undefined) throw new Error('no address')
    return ownServers.kafka.inspect(addresses.kafka, { settings, ownName: 'headroom_x', signal })
  }
  const refused = async (dsn: string): Promise<HeadroomError> => {
    const startedAtMs = performance.now()
    const error = await looked(dsn).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(performance.now() - startedAtMs).toBeLessThan(15_000)
    if (!(error instanceof HeadroomError)) throw new Error('it was not refused', { cause: error })
    expect(error.exitCode).toBe(69)
    expect(`${error.message} ${error.hint ?? ''} ${error.stack ?? ''}`).not.toContain('Pa55')
    return error
  }
  const dsn = (user: string, more = `?ca=${caFile}`, password = SECRET) =>
    `kafka://${user}:${encodeURIComponent(password)}@127.0.0.1:${String(port)}${more}`

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'is looked at over verified TLS with SASL %s: brokers, what a run would make, settings',
    async (mechanism) => {
      const { label, connection, creates, notes } = await looked(
        dsn('bench', `?sasl=${mechanism}&ca=${caFile}`),
        { 'num.partitions': '7', 'log.retention.hours': '24' },
      )
      expect(label).toBe('kafka of 1 broker')
      expect(connection).toBe(`TLS, certificate and host name verified, SASL ${mechanism}`)
      expect(creates).toEqual(['topics and groups that begin with headroom_x'])
      expect(notes.settingsNotInForce).toEqual([
        { name: 'num.partitions', asked: '7', inForce: '1' },
      ])
    },
  )

  it('says what a user may not do, and creates nothing to find out', async () => {
    const { notes } = await looked(dsn('narrow'))
    expect(notes.unseen.join('\n')).toContain('may not create any')
    const { addresses } = externalEngines({ kafka: dsn('bench'), engines: undefined }, {})
    const { withAdmin } = await import('../../src/engines/kafka/connection.ts')
    if (addresses.kafka === undefined) throw new Error('no address')
    expect(await withAdmin(addresses.kafka, signal, (admin) => admin.listTopics())).toEqual([])
  })

  it('is refused when another authority has signed its certificate, or none that is known', async () => {
    const wrong = file('wrong.pem', makeAuthority().certificate)
    const other = await refused(dsn('bench', `?ca=${wrong}`))
    expect(other).toMatchObject({ code: 'ENGINE_TLS_FAILED' })
    expect(other.message).toContain('the authority you named has not signed')
    expect((await refused(dsn('bench', ''))).message).toContain('no known authority has signed')
  })

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'is refused when the password is wrong (%s)',
    async (mechanism) => {
      const error = await refused(dsn('bench', `?sasl=${mechanism}&ca=${caFile}`, 'wrong-Pa55'))
      expect(error).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
      expect(error.message).toContain('refuses this user and password')
    },
  )

  it('is refused in the clear on its TLS port', async () => {
    const error = await refused(dsn('bench', '?tls=off'))
    expect(error.hint).toContain('Without tls=off the DSN asks for TLS')
  })
})

interface Places {
  readonly port: number
  readonly internal: number
  readonly controller: number
  readonly base: string
}

function properties({ port, internal, controller, base }: Places): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${String(controller)}
listeners=OWN://127.0.0.1:${String(port)},INTERNAL://127.0.0.1:${String(internal)},CONTROLLER://127.0.0.1:${String(controller)}
advertised.listeners=OWN://127.0.0.1:${String(port)},INTERNAL://127.0.0.1:${String(internal)}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=OWN:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.own.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.own.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_bench="${SECRET}";
listener.name.own.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.own.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.own.ssl.keystore.type=PEM
listener.name.own.ssl.keystore.location=${base}/server.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:bench
log.dirs=${base}/data
num.partitions=1
offsets.topic.replication.factor=1
auto.create.topics.enable=false
log.retention.hours=24
`
}
