import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { statementsOf } from '../../reference-impl/service-kit/schema-script.ts'
import { needsOf, withDefaultNeeds } from '../../src/target/roles.ts'
import { blueprintOf } from '../../src/target/blueprint.ts'
import { architectures } from '../../src/target/registry.ts'
import { standAlone } from '../../src/target/stand-alone.ts'

const dir = mkdtempSync(join(tmpdir(), 'headroom-alone-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})
const passwordFile = join(dir, 'password')
writeFileSync(passwordFile, 'hunter2\n')

const NOWHERE = {
  postgres: { host: 'nowhere', port: 1, user: 'u', database: 'd', tls: 'off' },
  clickhouse: { url: 'http://nowhere:1', user: 'u', database: 'd' },
  redis: { host: 'nowhere', port: 1, database: 0, tls: 'off' },
} as const

const entryOf = (id: string) => `reference-impl/${id}/service.ts`

describe('a blueprint', () => {
  it.each(architectures.map((architecture) => [architecture.id, architecture] as const))(
    'of %s holds its schema per engine and its processes, and starts nothing',
    async (id, architecture) => {
      const blueprint = await blueprintOf(architecture, {
        addressOf: (_role, { kind }) => NOWHERE[kind],
        settings: architecture.settings.parse({}),
        schemaVariant: 'default',
      })
      const needs = needsOf(withDefaultNeeds(architecture))
      expect(blueprint.schema.map(({ role, kind }) => [role, kind])).toEqual(
        needs.map(([role, { kind }]) => [role, kind]),
      )
      for (const { kind, statements } of blueprint.schema.filter(
        (_, at) => needs[at]?.[1].of === null,
      )) {
        if (kind === 'redis') continue
        expect(statements[0]).toMatch(/^CREATE (TABLE (events|entities)|EXTENSION IF NOT EXISTS)/)
        expect(statements.length).toBeGreaterThan(1)
      }
      expect(blueprint.launches.map(({ entry }) => entry)).toContain(entryOf(id))
    },
  )
})

describe('a service that stands alone', () => {
  it('works in a database of its architecture’s name, reached by the password in a file', async () => {
    const { config, schema } = await standAlone('dual-write', entryOf('dual-write'), {
      POSTGRES_HOST: 'db',
      POSTGRES_PASSWORD_FILE: passwordFile,
      CLICKHOUSE_URL: 'http://ch:8123',
      CLICKHOUSE_PASSWORD_FILE: passwordFile,
    })
    expect(config).toMatchObject({
      port: 8080,
      host: '0.0.0.0',
      addresses: {
        database: { host: 'db', port: 5432, database: 'dual_write', password: 'hunter2' },
        warehouse: { url: 'http://ch:8123', database: 'dual_write', password: 'hunter2' },
      },
    })
    expect(schema.map(({ kind }) => kind)).toEqual(['postgres', 'clickhouse'])
  })

  it('takes settings as JSON, and its own defaults for the rest', async () => {
    const { config } = await standAlone('pg-direct', entryOf('pg-direct'), {
      HEADROOM_SETTINGS: '{"connections":5}',
    })
    expect(config).toMatchObject({ settings: { connections: 5, queueEventsMax: 20_000 } })
  })

  it('makes the schema variant that was asked for', async () => {
    const { schema } = await standAlone('pg-direct', entryOf('pg-direct'), {
      HEADROOM_SCHEMA_VARIANT: 'lean',
    })
    const lean = statementsOf('-- variant: lean\nCREATE INDEX idx_events_ts_brin', 'lean')
    expect(schema[0]?.statements.join('\n')).toContain(lean[0])
  })

  it.each([
    ['settings that are no JSON object', { HEADROOM_SETTINGS: '[1]' }, /HEADROOM_SETTINGS/],
    ['settings that are broken', { HEADROOM_SETTINGS: '{' }, /HEADROOM_SETTINGS/],
    ['an unknown setting', { HEADROOM_SETTINGS: '{"conections":5}' }, /settings of target/],
    ['an unknown variant', { HEADROOM_SCHEMA_VARIANT: 'fat' }, /no schema variant "fat"/],
    ['a password file that is not there', { POSTGRES_PASSWORD_FILE: '/no/such' }, /cannot be read/],
  ])('refuses %s in the user’s words', async (_case, environment, message) => {
    await expect(standAlone('pg-direct', entryOf('pg-direct'), environment)).rejects.toThrow(
      message,
    )
  })

  it('refuses an architecture or a part that does not exist', async () => {
    await expect(standAlone('pg-cloud', entryOf('pg-cloud'), {})).rejects.toThrow(/"pg-cloud"/)
    const worker = 'reference-impl/pg-direct/worker.ts'
    await expect(standAlone('pg-direct', worker, {})).rejects.toThrow(/launches no/)
  })
})
