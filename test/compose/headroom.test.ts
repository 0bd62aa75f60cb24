/** `headroom run --engines compose` as a user meets it: it measures, audits, and leaves nothing in Docker however it ends. */
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunRecord } from '../../src/results/record.ts'
import { architectures } from '../../src/target/registry.ts'
import { engineName, rolesOf, withDefaultNeeds } from '../../src/target/roles.ts'
import type { CliProcess } from '../cli/cli-process.ts'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import { leftOf, withoutDocker } from './docker-here.ts'
import { textsOf } from '../fixtures/left-behind.ts'

/** What finds the engine, and what a build of our image needs behind a proxy. */
const KEPT = ['HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'DOCKER_CONTEXT', 'HEADROOM_IMAGE_TAG']
const FOR_BUILDS = ['HEADROOM_BUILD_NETWORK', 'HEADROOM_NPMRC', 'HEADROOM_CA']
const env = Object.fromEntries(
  [...KEPT, ...FOR_BUILDS].map((name) => [name, process.env[name] ?? '']),
)
const here = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

/** Ten seconds of everything, by what is sent. */
const SCENARIOS = { billing: 'smoke', eav: 'eav-smoke' } as const

const runOn = (target: string, scenario = 'smoke') => [
  ...['run', scenario, '--target', target, '--engines', 'compose', '--rounds', '1'],
]

function recordsIn(dir: string): readonly RunRecord[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('run.json'))
    .map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as RunRecord)
}

/** Projects of this test's runs only: another checkout may be testing on the same daemon. */
async function expectNothingLeft(): Promise<void> {
  const runs = existsSync(join(folder.path, 'results'))
    ? readdirSync(join(folder.path, 'results'))
    : []
  for (const study of runs) expect(await leftOf(study.toLowerCase())).toEqual([])
}

describe.skipIf(withoutDocker !== null)(
  `headroom in containers (${withoutDocker ?? 'here'})`,
  () => {
    it.each(architectures.map((architecture) => [architecture.id, architecture] as const))(
      'measures %s, audits it, and takes everything down',
      async (id, architecture) => {
        const { shapes, alongside = [] } = architecture
        const [shape = 'billing'] = shapes
        const run = runOn(id, SCENARIOS[shape])
        const result = await headroom(run, { cwd: folder.path, env: here })
        // On a busy machine an SLO is broken (99), or the driver or its pool was the limit (70): neither says anything about
        // containers, and both are audited.
        const told = `${result.stderr}\n${result.stdout}`
        expect([0, 70, 99], told).toContain(result.exitCode)
        const [record] = recordsIn(folder.path)
        if (record?.outcome.state !== 'completed' && record?.outcome.state !== 'void') {
          throw new Error(told)
        }
        expect(record.outcome.audit.passed).toBe(true)
        for (const engine of record.engines) {
          expect(engine.provider).toBe('compose')
          expect(engine.label).toContain(`(compose, ${engine.image?.name ?? ''})`)
        }
        const processes = record.architecture.images?.map(({ part }) => part) ?? []
        expect(new Set(processes)).toEqual(new Set(['service', ...alongside]))
        // Processor time and memory of every container were seen from the host.
        const seen = Object.keys(record.outcome.measured.metrics)
        for (const part of [
          ...processes,
          ...rolesOf(withDefaultNeeds(architecture), { engines: {} }).map(engineName),
        ]) {
          expect(seen).toContain(`cpu.msPer1000Events{${part}}`)
          expect(seen).toContain(`memory.bytes{${part}}`)
          expect(record.files).toContain(`logs/${part}.log`)
        }
        await expectNothingLeft()
      },
    )

    it('leaves nothing after kill -9 in the middle of a run, and the next command says so', async () => {
      const run = startHeadroom(runOn('pg-direct'), { cwd: folder.path, env: here })
      await inTheMiddle(run)
      run.child.kill('SIGKILL')
      await run.ended
      await untilNothingLeft()
      const cleaned = await headroom(['clean'], { cwd: folder.path, env: here })
      expect(cleaned.stderr).toMatch(/its guardian had ended .*compose project headroom-/)
      expect(cleaned.stdout).not.toContain('nothing was left behind')
    })

    // While images are looked up, containers made, engines not yet ready.
    it.each([200, 700, 1_300])('leaves nothing after kill -9 %i ms into the start', async (ms) => {
      const run = startHeadroom(runOn('dual-write'), { cwd: folder.path, env: here })
      await run.said(/engines/)
      await delay(ms)
      expect(run.child.exitCode).toBeNull()
      run.child.kill('SIGKILL')
      await run.ended
      await untilNothingLeft()
    })

    it('removes by hand what a guardian that was killed too left behind', async () => {
      const run = startHeadroom(runOn('pg-direct'), { cwd: folder.path, env: here })
      await inTheMiddle(run)
      // The guardian dies with its Headroom: what is left is for the next command.
      const children = readFileSync(
        `/proc/${String(run.child.pid)}/task/${String(run.child.pid)}/children`,
        'utf8',
      )
      const guardian = children
        .trim()
        .split(' ')
        .find((pid) => textsOf([pid]).some((text) => text.includes('guardian-main')))
      process.kill(Number(guardian), 'SIGKILL')
      run.child.kill('SIGKILL')
      await run.ended
      const [study = ''] = readdirSync(join(folder.path, 'results'))
      expect((await leftOf(study.toLowerCase())).length).toBeGreaterThan(3)
      const cleaned = await headroom(['clean'], { cwd: folder.path, env: here })
      expect(cleaned.stderr).toMatch(/removed from Docker headroom-.*postgres-1/)
      await expectNothingLeft()
      const again = await headroom(['clean'], { cwd: folder.path, env: here })
      expect(again.stdout).toContain('nothing was left behind')
    })

    it.each(['measuring', 'starting'])('leaves nothing after Ctrl-C while %s', async (phase) => {
      const run = startHeadroom(runOn('pg-direct'), { cwd: folder.path, env: here })
      if (phase === 'measuring') await inTheMiddle(run)
      else await run.said(/: engines/)
      run.child.kill('SIGINT')
      const result = await run.ended
      expect(result.exitCode).toBe(130)
      await expectNothingLeft()
    })

    it('leaves nothing after a start that failed, and says which setting was refused', async () => {
      writeFileSync(
        join(folder.path, 'target.yaml'),
        'kind: architecture\nname: bad\narchitecture: pg-direct\nengines: { database: { provider: compose, settings: { work_mem: much } } }\n',
      )
      const result = await headroom(
        ['run', 'smoke', '--target', './target.yaml', '--rounds', '1'],
        { cwd: folder.path, env: here },
      )
      expect(result.exitCode).toBe(64)
      expect(result.stderr).toContain('invalid value for parameter "work_mem"')
      await expectNothingLeft()
    })

    it('tells an image that is neither here nor to be had', async () => {
      const composeFile = join(folder.path, 'docker-compose.yml')
      writeFileSync(composeFile, 'services: { postgres: { image: "127.0.0.1:1/no/such:1" } }\n')
      const { ComposeProject } = await import('../../src/engines/compose/project.ts')
      await using project = await ComposeProject.open({
        ...{ runId: 'no-image', dataDir: folder.path, logDir: folder.path, servicesInside: true },
        ...{ composeFile, signal: new AbortController().signal, log: () => undefined },
      })
      const wish = { service: 'postgres', override: {}, env: {}, withDependencies: false }
      await expect(project.start(wish)).rejects.toMatchObject({
        code: 'IMAGE_MISSING',
        message: expect.stringContaining('the image 127.0.0.1:1/no/such:1 is not here'),
        hint: expect.stringContaining('docker pull'),
      })
    })
  },
)

describe('a machine where containers cannot run', () => {
  const isTold = async (environment: Readonly<Record<string, string>>, words: RegExp) => {
    const result = await headroom(runOn('pg-direct'), { cwd: folder.path, env: environment })
    expect(result.exitCode).toBe(69)
    expect(result.stderr).toMatch(words)
    // Nothing had been started: there is not even a study.
    expect(existsSync(join(folder.path, 'results'))).toBe(false)
    const doctor = await headroom(['doctor'], { cwd: folder.path, env: environment })
    expect(doctor.stdout).toMatch(/! docker .*--engines compose cannot run/)
  }

  it('has no docker: ends with 69 and says how to get it', async () => {
    const bin = join(folder.path, 'bin')
    await isTold({ PATH: bin }, /docker is not installed[^]*Docker Engine with the compose plugin/)
  })

  it.skipIf(withoutDocker !== null)(
    'has no daemon: ends with 69 and says how to start it',
    async () => {
      const DOCKER_HOST = `unix://${folder.path}/none.sock`
      await isTold({ ...here, DOCKER_HOST }, /daemon is not running[^]*systemctl start docker/)
    },
  )

  it('has no Compose v2: ends with 69 and says which it takes', async () => {
    // A docker of yesterday: a daemon answers, but it knows neither of the plugin.
    const docker = join(folder.path, 'docker')
    const old = (compose: string) => {
      writeFileSync(
        docker,
        `#!/bin/sh\ncase "$1" in info) echo '20.10|2026-01-01T00:00:00Z|/var/lib/docker';; *) ${compose};; esac\n`,
      )
      chmodSync(docker, 0o755)
    }
    const environment = { PATH: `${folder.path}:/usr/bin:/bin` }
    old(`echo "docker: 'compose' is not a docker command." >&2; exit 1`)
    await isTold(environment, /docker has no compose plugin[^]*Compose v2/)
    old('echo 2.3.3')
    await isTold(environment, /docker compose is 2\.3\.3, too old[^]*2\.20/)
  })
})

/** Engines and service are up and events flow: two seconds after the preload, of nine. */
async function inTheMiddle(run: CliProcess): Promise<void> {
  await run.said(/: preload/)
  await delay(2_000)
  expect(run.child.exitCode, 'the run ended before it was cut off').toBeNull()
}

/** The guardian works on after its Headroom: what it removes is gone within seconds. */
async function untilNothingLeft(): Promise<void> {
  const deadlineMs = performance.now() + 30_000
  for (;;) {
    try {
      await expectNothingLeft()
      // What was cut off half way may still come: twice empty is empty.
      await delay(1_500)
      await expectNothingLeft()
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await delay(300)
    }
  }
}
