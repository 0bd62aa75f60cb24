import { expect, it } from 'vitest'
import { configXml, NO_SETTINGS, usersXml } from '../../../src/engines/clickhouse/config.ts'
import { statementsOf } from '../../../src/engines/clickhouse/control.ts'
import { splitPort } from '../../../src/engines/clickhouse/settings.ts'
import { ownName } from '../../../src/engines/own-name.ts'

it('cuts a script only at semicolons that end a statement', () => {
  expect(
    statementsOf(`SELECT ';', "a;b", \`c;d\`, 'it''s; \\'; fine' -- no; not here
      ; /* nor; here */ SELECT 2;;
      SELECT 3`),
  ).toEqual([`SELECT ';', "a;b", \`c;d\`, 'it''s; \\'; fine'`, 'SELECT 2', 'SELECT 3'])
  expect(statementsOf(' ;; -- nothing')).toEqual([])
})

it('escapes what comes from outside, and nests dotted names', () => {
  const folders = { dir: '/tmp/a&b', logFile: '/tmp/<log>', httpPort: 1 }
  const xml = configXml(folders, {
    ...NO_SETTINGS,
    server: { 'a.b': '</b><listen_host>0.0.0.0</listen_host>' },
  })
  expect(xml).toContain('<a><b>&lt;/b&gt;&lt;listen_host&gt;0.0.0.0&lt;/listen_host&gt;</b></a>')
  expect(xml).toContain('/tmp/a&amp;b/data/')
  expect(xml.match(/<listen_host>/g)?.length).toBe(1)
  expect(usersXml({ ...NO_SETTINGS, query: { max_threads: '2' } })).toContain(
    '<max_threads>2</max_threads>',
  )
})

it('refuses names that are none, and those the harness keeps', () => {
  expect(() => splitPort({ 'a><b': '1' })).toThrow(/is not a setting's name/)
  expect(() => splitPort({ tcp_port: '1', path: '/' })).toThrow(/tcp_port.*path/)
  expect(() => splitPort({ max_threads: '1\n2' })).toThrow(/control characters/)
  expect(splitPort({ http_port: '8123', max_threads: '1' })).toEqual({
    port: '8123',
    settings: { max_threads: '1' },
  })
})

it('names a database after the run, whatever the run is called', () => {
  expect(ownName('2026-11-21T04:00:00Z/quick')).toMatch(
    /^headroom_2026_11_21t04_00_00z_quick_[0-9a-f]{6}$/,
  )
  expect(ownName('x'.repeat(200)).length).toBeLessThan(63)
})
