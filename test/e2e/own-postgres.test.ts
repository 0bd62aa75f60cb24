/**
 * The command line against a PostgreSQL of the user's own: TLS from a test CA, SCRAM, a role that may make a schema and
 * nothing more. Canaries made before are untouched after; a canary secret is found nowhere.
 */
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import {
  calmScenario,
  expectSecretsNowhere,
  filesBelow,
  onlyRecord,
  processTexts,
} from '../fixtures/left-behind.ts'
import type { OwnPostgres } from '../fixtures/own-postgres.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'

/** What must be found nowhere: it would be changed by any escaping, and occurs nowhere by chance. */
const SECRET = 'cAnary-s3cret/7f%41&x'

let server: OwnPostgres
beforeAll(async () => {
  server = await startOwnPostgres()
  const password = `PASSWORD '${SECRET}'`
  // May make a schema in one database, and sees what everybody sees.
  await server.sql(`CREATE ROLE bench LOGIN ${password}`)
  await server.sql('CREATE DATABASE scratch')
  await server.sql('GRANT CREATE ON DATABASE scratch TO bench')
  // May make databases, checkpoint, and see everything.
  await server.sql(`CREATE ROLE maker LOGIN CREATEDB ${password}`)
  await server.sql('GRANT pg_monitor, pg_checkpoint TO maker')
  await plantCanaries()
})
afterAll(() => server[Symbol.asyncDispose]())

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
  calmScenario(folder.path)
})
afterEach(() => {
  folder.remove()
})

/** Tables of the names that architectures use, where a careless one would write, in what a careless one would drop. */
async function plantCanaries(): Promise<void> {
  await server.sql('CREATE DATABASE headroom_canary')
  for (const database of ['scratch', 'headroom_canary']) {
    for (const schema of ['public', 'headroom_canary']) {
      await server.sql(
        `CREATE SCHEMA IF NOT EXISTS ${schema};
         CREATE TABLE ${schema}.events AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 5000) AS i;
         GRANT ALL ON SCHEMA ${schema} TO bench, maker; GRANT ALL ON ${schema}.events TO bench, maker`,
        database,
      )
    }
  }
  await server.sql('ALTER DATABASE headroom_canary OWNER TO maker')
}

/** Every database, schema, table and extension by name, settings, roles, and the canaries' contents. */
async function stateOfServer(): Promise<unknown> {
  const databases = await server.sql<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE datallowconn ORDER BY 1',
  )
  const inside: Record<string, unknown> = {}
  for (const { name } of databases) {
    if (name === 'template1') continue
    inside[name] = await server.sql(
      `SELECT n.nspname AS schema, c.relname AS table, c.relkind AS kind FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       UNION ALL SELECT nspname, '', 'n' FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast_temp)'
       UNION ALL SELECT extname, '', 'x' FROM pg_extension ORDER BY 1, 2, 3`,
      name,
    )
  }
  const sums: unknown[] = []
  for (const database of ['scratch', 'headroom_canary']) {
    for (const schema of ['public', 'headroom_canary']) {
      const sum = `SELECT count(*)::int AS rows, md5(string_agg(id || word, ',' ORDER BY id)) AS sum`
      sums.push(await server.sql(`${sum} FROM ${schema}.events`, database))
    }
  }
  const settings = await server.sql('SELECT name, setting FROM pg_settings ORDER BY 1')
  const roles = await server.sql(
    `SELECT rolname, rolsuper, rolcreatedb, rolconfig, rolvaliduntil,
            (SELECT array_agg(roleid::regrole::text ORDER BY 1) FROM pg_auth_members m WHERE m.member = r.oid) AS in
       FROM pg_roles r ORDER BY 1`,
  )
  return { databases, inside, sums, settings, roles }
}

/** An engines.yaml that holds no password: it stands in a file of its own. */
function engines(role: string, more = ''): void {
  writeFileSync(join(folder.path, 'password'), `${SECRET}\n`, { mode: 0o600 })
  writeFileSync(
    join(folder.path, 'engines.yaml'),
    `postgres:
  dsn: postgres://${role}@127.0.0.1:${String(server.port)}/scratch
  passwordFile: password
  ca: ${server.caFile}
${more}`,
  )
}

const nowhere = (...texts: readonly string[]): void => {
  expectSecretsNowhere([SECRET], { folder: folder.path, except: ['password'], texts })
}

const run = ['run', './calm.yaml', '--target', 'pg-direct', '--rounds', '1']

describe('a role that may make a schema and nothing more', () => {
  it('is measured whole in a schema of its own; nothing else is touched, and the secret is nowhere', async () => {
    engines('bench')
    const before = await stateOfServer()
    const running = startHeadroom(run, { cwd: folder.path })
    await running.said(/events\/s, p99/)
    const during = processTexts()
    const made = await server.sql<{ name: string; mark: string }>(
      `SELECT nspname AS name, obj_description(oid, 'pg_namespace') AS mark FROM pg_namespace
        WHERE nspname LIKE 'headroom\\_2%'`,
      'scratch',
    )
    const [ledger = ''] = readdirSync(join(folder.path, '.headroom', 'servers'))
    const result = await running.ended
    expect(result.exitCode, result.stderr).toBe(0)

    expect(made).toHaveLength(1)
    expect(made[0]?.name).toMatch(/^headroom_.*smoke_01_pg_direct/)
    expect(made[0]?.mark).toMatch(/^headroom .*-smoke\/01-pg-direct-round-1$/)
    expect(ledger).toBe(`postgres-${made[0]?.name ?? ''}.json`)
    expect(readdirSync(join(folder.path, '.headroom', 'servers'))).toEqual([])
    expect(await stateOfServer()).toEqual(before)

    const { outcome, engines: recorded } = onlyRecord(folder.path)
    if (outcome.state !== 'completed') throw new Error(outcome.state)
    expect(outcome.audit.passed).toBe(true)
    // CHECKPOINT was refused: it is not recorded as made, and the reader is told by name.
    expect(outcome.measured.checkpoints).toEqual([])
    const unseen = recorded[0]?.unseen?.join('\n') ?? ''
    expect(unseen).toContain('GRANT pg_checkpoint TO bench')
    expect(unseen).toContain('GRANT pg_monitor TO bench')
    expect(unseen).toContain('in database scratch')
    expect(Object.keys(outcome.measured.metrics).join(' ')).not.toContain('fpi')
    const [id = ''] = readdirSync(join(folder.path, 'reports'))
    const report = readFileSync(join(folder.path, 'reports', id, 'index.html'), 'utf8')
    expect(report).toContain('GRANT pg_checkpoint TO bench')
    nowhere(result.stdout, result.stderr, ...during)
    expect(readFileSync(server.logFile, 'utf8')).not.toContain(SECRET)
  })

  it('keeps apart what is asked for and what is in force', async () => {
    engines('bench')
    writeFileSync(
      join(folder.path, 'target.yaml'),
      `kind: architecture
name: eager
architecture: pg-batch
engines: { database: { settings: { synchronous_commit: 'off', shared_buffers: 65536kB, max_connections: 7 } } }
`,
    )
    const before = await stateOfServer()
    const result = await headroom(['run', './calm.yaml', '-t', './target.yaml', '--rounds', '1'], {
      cwd: folder.path,
    })
    expect(result.exitCode, result.stderr).toBe(0)
    expect(await stateOfServer()).toEqual(before)
    // 64MB is what was asked for, spelled in another way.
    expect(onlyRecord(folder.path).engines[0]?.settingsNotInForce).toEqual([
      { name: 'synchronous_commit', asked: 'off', inForce: 'on' },
      { name: 'max_connections', asked: '7', inForce: '100' },
    ])
    const [id = ''] = readdirSync(join(folder.path, 'reports'))
    const report = readFileSync(join(folder.path, 'reports', id, 'index.html'), 'utf8')
    expect(report).toContain('synchronous_commit = on, the target asks for off')
  })

  it('is told what would be made, and nothing is', async () => {
    engines('bench')
    const before = await stateOfServer()
    const files = filesBelow(folder.path)
    const result = await headroom([...run, '--dry-run'], { cwd: folder.path })
    expect(result.exitCode, result.stderr).toBe(0)
    expect(result.stdout).toContain('Nothing was created')
    expect(result.stdout).toMatch(/makes schema headroom_<run>_<random> in database scratch/)
    expect(result.stdout).toContain('TLS, certificate and host name verified')
    expect(result.stdout).toContain('GRANT pg_checkpoint TO bench')
    const json = await headroom([...run, '--dry-run', '--json'], { cwd: folder.path })
    expect(JSON.parse(json.stdout)).toMatchObject({
      created: [],
      targets: [{ target: 'pg-direct', runs: 1, engines: [{ role: 'database' }] }],
    })
    expect(await stateOfServer()).toEqual(before)
    expect(filesBelow(folder.path)).toEqual(files)
    nowhere(result.stdout, result.stderr, json.stdout)
  })
})

describe('a role that may make databases', () => {
  it('is measured in a database of its own, with CHECKPOINT; no child process is given the secret', async () => {
    writeFileSync(
      join(folder.path, 'engines.yaml'),
      `postgres:
  dsn: postgres://maker@localhost:${String(server.port)}/scratch?sslrootcert=${server.caFile}
  passwordEnv: MY_OWN_NAME_FOR_IT
`,
    )
    const before = await stateOfServer()
    const env = { MY_OWN_NAME_FOR_IT: SECRET }
    const running = startHeadroom(run, { cwd: folder.path, env })
    await running.said(/events\/s, p99/)
    // The user put it into Headroom's own environment; it goes no further.
    const during = processTexts(running.child.pid)
    const made = await server.sql<{ name: string; mark: string }>(
      `SELECT datname AS name, shobj_description(oid, 'pg_database') AS mark FROM pg_database
        WHERE datname LIKE 'headroom\\_2%'`,
    )
    // Somebody who watches every database: a superuser's session, which this role may not end.
    const leave = await server.enter(made[0]?.name ?? '')
    const result = running.ended
    const ended = running
      .said(/audit/)
      .then(() => delay(2_500))
      .then(leave)
    const { exitCode, stdout, stderr } = await result
    await ended
    expect(exitCode, stderr).toBe(0)
    expect(made).toHaveLength(1)
    expect(made[0]?.mark).toMatch(/^headroom /)
    expect(await stateOfServer()).toEqual(before)
    const { outcome } = onlyRecord(folder.path)
    if (outcome.state !== 'completed') throw new Error(outcome.state)
    expect(outcome.measured.checkpoints.map(({ reason }) => reason)).toEqual(['start', 'labelled'])
    expectSecretsNowhere([SECRET], {
      folder: folder.path,
      except: [],
      texts: [stdout, stderr, ...during],
    })
  })
})

describe.each([['bench'], ['maker']])(
  'a Headroom of role %s that is killed with SIGKILL',
  (role) => {
    it('leaves what `headroom clean` later drops, and only that', async () => {
      engines(role)
      const before = await stateOfServer()
      const running = startHeadroom(run, { cwd: folder.path })
      await running.said(/events\/s, p99/)
      running.child.kill('SIGKILL')
      await running.ended
      await delay(500)
      expect(await stateOfServer()).not.toEqual(before)
      expect(readdirSync(join(folder.path, '.headroom', 'servers'))).toHaveLength(1)

      // Without the address it says what is left, and how to name the server.
      const elsewhere = join(folder.path, 'elsewhere')
      mkdirSync(elsewhere)
      const unnamed = await headroom(['clean', '--out', folder.path], { cwd: elsewhere })
      expect(unnamed.exitCode).toBe(69)
      expect(unnamed.stderr).toMatch(/left (schema|database) headroom_2\w+ on postgres at/)
      expect(unnamed.stderr).toContain('HEADROOM_POSTGRES_DSN')

      const cleaned = await headroom(['clean'], { cwd: folder.path })
      expect(cleaned.exitCode, cleaned.stderr).toBe(0)
      expect(cleaned.stderr).toMatch(/dropped (schema|database) headroom_2/)
      expect(await stateOfServer()).toEqual(before)
      const again = await headroom(['clean'], { cwd: folder.path })
      expect(again.stdout).toContain('nothing was left behind')
      nowhere(unnamed.stderr, cleaned.stderr, cleaned.stdout)
    })
  },
)

describe('Ctrl-C', () => {
  it('drops what the run made before Headroom ends', async () => {
    engines('bench')
    const before = await stateOfServer()
    const result = await headroom(run, {
      cwd: folder.path,
      interruptWhen: (stderr) => (stderr.includes('events/s, p99') ? 'SIGINT' : null),
    })
    expect(result.exitCode).toBe(130)
    expect(await stateOfServer()).toEqual(before)
    expect(readdirSync(join(folder.path, '.headroom', 'servers'))).toEqual([])
    nowhere(result.stdout, result.stderr)
  })
})

describe('headroom clean', () => {
  it('drops nothing that the ledger names and the server does not mark', async () => {
    engines('maker')
    const dir = join(folder.path, '.headroom', 'servers')
    mkdirSync(dir, { recursive: true })
    const entry = {
      schema: 1,
      owner: { pid: 2 ** 22 + 1, start: 'gone', command: 'headroom' },
      startedAt: '2026-01-01T00:00:00.000Z',
      runId: 'forged',
      kind: 'postgres',
      where: `maker@127.0.0.1:${String(server.port)}/scratch`,
      what: 'database',
      name: 'headroom_canary',
      inside: null,
      mark: 'headroom forged',
    }
    writeFileSync(join(dir, 'a.json'), JSON.stringify(entry))
    const schema = { ...entry, what: 'schema', inside: 'scratch' }
    writeFileSync(join(dir, 'b.json'), JSON.stringify(schema))
    const before = await stateOfServer()
    const result = await headroom(['clean', '--json'], { cwd: folder.path })
    expect(result.exitCode).toBe(69)
    expect(JSON.parse(result.stdout)).toMatchObject({
      servers: [{ state: 'not-marked' }, { state: 'not-marked' }],
    })
    expect(await stateOfServer()).toEqual(before)
    expect(statSync(join(dir, 'a.json')).isFile()).toBe(true)
  })
})

describe('headroom doctor', () => {
  it('looks at the server as a run would, and says what a wrong one lacks', async () => {
    engines('bench')
    const before = await stateOfServer()
    const good = await headroom(['doctor', '--json'], { cwd: folder.path })
    const { checks } = JSON.parse(good.stdout) as {
      checks: { subject: string; state: string; finding: string }[]
    }
    const check = checks.find(({ subject }) => subject === 'your postgres')
    expect(check?.state).toBe('ok')
    expect(check?.finding).toContain('a run would make schema headroom_doctor_')
    writeFileSync(join(folder.path, 'password'), 'not-the-password\n')
    const bad = await headroom(['doctor'], { cwd: folder.path })
    expect(bad.exitCode).toBe(69)
    expect(bad.stdout).toContain('refuses this user and password')
    expect(bad.stdout).not.toContain('not-the-password')
    expect(await stateOfServer()).toEqual(before)
  })
})
