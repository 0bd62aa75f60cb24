import fc from 'fast-check'
import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'
import { overrideText } from '../../../src/engines/compose/override.ts'
import type { ServiceOverride } from '../../../src/engines/compose/override.ts'

interface Written {
  readonly services: Readonly<Record<string, Record<string, unknown>>>
  readonly networks: unknown
  readonly volumes?: unknown
}

function written(services: Readonly<Record<string, ServiceOverride>>): Written {
  return parse(
    overrideText({
      project: 'headroom-x-1',
      composeFile: '/app/docker-compose.yml',
      services: new Map(Object.entries(services)),
    }),
  ) as Written
}

describe('the override of docker-compose.yml', () => {
  it('labels services and network, forbids restarts, and leaves asking to the harness', () => {
    const labels = { 'headroom.run': 'headroom-x-1' }
    expect(written({ postgres: {} })).toEqual({
      services: { postgres: { labels, restart: 'no', healthcheck: { disable: true } } },
      networks: { default: { labels } },
    })
  })

  it('mounts files read-only', () => {
    const { services } = written({
      clickhouse: { mounts: [{ file: '/tmp/a.xml', at: '/etc/a.xml' }] },
    })
    expect(services['clickhouse']?.['volumes']).toEqual([
      { type: 'bind', source: '/tmp/a.xml', target: '/etc/a.xml', read_only: true },
    ])
  })

  it('gives a service a volume of its own, known to the project and labelled as the rest', () => {
    const { services, volumes } = written({
      'postgres-replica-2': {
        like: 'postgres-replica',
        volumes: [{ name: 'postgres-replica-2', at: '/var/lib/postgresql' }],
      },
    })
    expect(services['postgres-replica-2']?.['volumes']).toEqual([
      { type: 'volume', source: 'postgres-replica-2', target: '/var/lib/postgresql' },
    ])
    expect(volumes).toEqual({
      'postgres-replica-2': { labels: { 'headroom.run': 'headroom-x-1' } },
    })
  })

  it('makes a service that the file does not name from one that it does', () => {
    const { services } = written({
      'outbox-worker-2': { like: 'outbox-worker' },
    })
    expect(services['outbox-worker-2']).toMatchObject({
      extends: { file: '/app/docker-compose.yml', service: 'outbox-worker' },
    })
  })

  it('says every command as it was meant, whatever compose would replace in it', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (command) => {
        const { services } = written({ postgres: { command } })
        const back = services['postgres']?.['command'] as readonly string[]
        // What compose does to a text: `$$` becomes `$`, anything else behind a `$` a variable's value.
        const read = back.map((text) => {
          expect(text.replaceAll('$$', '')).not.toContain('$')
          return text.replaceAll('$$', '$')
        })
        expect(read).toEqual(command)
      }),
    )
  })
})
