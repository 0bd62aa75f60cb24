/** `headroom init` as a new user meets it. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadProfile } from '../../src/cli/load-profile.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { loadTarget } from '../../src/target/load.ts'
import { headroom, temporaryFolder } from './cli-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

const at = (...parts: readonly string[]) => join(folder.path, ...parts)
const nothing = {
  rounds: undefined,
  ratesPerS: undefined,
  initialRows: undefined,
  ratePerS: undefined,
  growthPerMonthRatio: undefined,
}

describe('init', () => {
  it('writes a target, a scenario and a profile that are right as they are, and says what comes next', async () => {
    const result = await headroom(['init', 'mine', '--demo'], { cwd: folder.path })
    expect(result.exitCode).toBe(0)
    expect(result.stdout.trim().split('\n')).toContain('mine/targets/my-service.yaml')
    // Outside of the clone npx would ask a registry for a package of this name.
    const main = join(packageRoot, 'dist/src/cli/main.js')
    expect(result.stderr).toContain(`node ${main} run my-load --target demo --profile my-profile`)
    expect(result.stderr).toContain('this folder is outside of the one Headroom is in')
    for (const name of ['my-service', 'demo']) {
      expect(loadTarget(at('mine/targets', `${name}.yaml`)).kind).toBe('service')
    }
    expect(loadScenario(at('mine/scenarios/my-load.yaml'), nothing).scenario.name).toBe('my-load')
    expect(loadProfile(at('mine/profiles/my-profile.yaml'), nothing).name).toBe('my-profile')
    const [first = ''] = readFileSync(at('mine/targets/my-service.yaml'), 'utf8').split('\n')
    const schema = /\$schema=(\S+)/.exec(first)?.[1] ?? ''
    expect(existsSync(at('mine/targets', schema))).toBe(true)
    expect(existsSync(at('mine/demo/service.py'))).toBe(true)
  })

  it('puts the address in, and writes a request template where the service speaks its own language', async () => {
    const url = 'https://ingest.example.com/v2?x=$&'.split('?')[0] ?? ''
    await headroom(['init', '--speaks', 'template', '--url', url], { cwd: folder.path })
    expect(loadTarget(at('targets/my-service.yaml'))).toMatchObject({
      url,
      request: { method: 'POST', body: { batch: 'one' } },
    })
  })

  it('never writes over what is there, and then writes nothing at all', async () => {
    await headroom(['init'], { cwd: folder.path })
    writeFileSync(at('scenarios/my-load.yaml'), 'mine\n')
    const before = readdirSync(folder.path, { recursive: true }).sort()
    const again = await headroom(['init', '--demo'], { cwd: folder.path })
    expect(again.exitCode).toBe(64)
    expect(again.stderr).toContain('already there: scenarios/my-load.yaml')
    expect(again.stderr).not.toContain('my-service.yaml')
    expect(readFileSync(at('scenarios/my-load.yaml'), 'utf8')).toBe('mine\n')
    expect(readdirSync(folder.path, { recursive: true }).sort()).toEqual(before)
    expect((await headroom(['init', '--force'], { cwd: folder.path })).exitCode).toBe(0)
    expect(readFileSync(at('scenarios/my-load.yaml'), 'utf8')).not.toBe('mine\n')
  })

  it('prints the files as JSON', async () => {
    const { stdout } = await headroom(['init', '--json'], { cwd: folder.path })
    const { files } = JSON.parse(stdout) as { files: string[] }
    expect(files).toContain(at('targets/my-service.yaml'))
  })

  it.each([
    ['an address that is none', ['init', '--url', 'ingest'], /--url "ingest" is no address/],
    ['a folder that is a file', ['init', 'taken'], /cannot write to taken/],
    ['a language nobody speaks', ['init', '--speaks', 'grpc'], /template/],
  ])('tells %s with exit code 64', async (_, args, words) => {
    writeFileSync(at('taken'), '')
    const result = await headroom(args, { cwd: folder.path })
    expect(result.exitCode).toBe(64)
    expect(result.stderr).toMatch(words)
  })
})
