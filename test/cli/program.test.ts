import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EXIT_CODES } from '../../src/cli/exit-codes.ts'
import { jsonSchemas } from '../../src/cli/json-schemas.ts'
import { schemaText } from '../../src/cli/commands/schema.ts'
import { ERROR_EXIT_CODES } from '../../src/kit/errors.ts'
import { compiledEntry, packageRoot } from '../../src/kit/paths.ts'
import { headroom, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
afterAll(folder.remove)
const cwd = folder.path

describe('help', () => {
  it('names every command, examples and the exit codes', async () => {
    const { stdout, stderr, exitCode } = await headroom(['--help'], { cwd })
    expect(exitCode).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toMatchSnapshot()
  })

  it.each(['run', 'sweep', 'report', 'list', 'doctor', 'engines', 'clean', 'schema'])(
    'of %s says what every flag takes',
    async (command) => {
      const { stdout, exitCode } = await headroom([command, '--help'], { cwd })
      expect(exitCode).toBe(0)
      expect(stdout).toMatchSnapshot()
    },
  )

  it('documents every exit code an error can end with, and only those', () => {
    const documented = EXIT_CODES.map(([code]) => code).filter((code) => code > 1)
    const used = new Set<number>(Object.values(ERROR_EXIT_CODES))
    expect([...used].sort((a, b) => a - b)).toEqual(documented)
  })

  it('and docs/exit-codes.md tell the same', () => {
    const text = readFileSync(join(packageRoot, 'docs/exit-codes.md'), 'utf8')
    const page = text.replaceAll(/ +/g, ' ')
    for (const [code, meaning] of EXIT_CODES)
      expect(page).toContain(`| ${String(code)} | ${meaning} |`)
  })
})

describe('completion', () => {
  it('prints a script for the shell', async () => {
    const { stdout, exitCode } = await headroom(['completion'], { cwd })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('_headroom_yargs_completions')
  })

  it('offers commands, then the flags of the command', async () => {
    const commands = await headroom(['--get-yargs-completions', 'headroom', ''], { cwd })
    expect(commands.stdout.split('\n')).toEqual(expect.arrayContaining(['run', 'report', 'doctor']))
    const flags = await headroom(['--get-yargs-completions', 'headroom', 'run', '--'], { cwd })
    expect(flags.stdout).toContain('--target')
  })
})

describe('--json', () => {
  it('prints only JSON on stdout for every list', async () => {
    const { stdout, exitCode } = await headroom(['list', '--json'], { cwd })
    expect(exitCode).toBe(0)
    const lists = JSON.parse(stdout) as Record<string, { name: string; description: string }[]>
    expect(lists['scenarios']?.map(({ name }) => name)).toContain('quick')
    expect(lists['targets']?.map(({ name }) => name)).toContain('pg-direct')
    expect(lists['runs']).toEqual([])
  })

  it('prints what doctor found', async () => {
    const { stdout } = await headroom(['doctor', '--json'], { cwd })
    const { checks } = JSON.parse(stdout) as { checks: { subject: string; state: string }[] }
    expect(checks.map(({ subject }) => subject)).toContain('postgres')
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('a reader that stops reading', () => {
  it('is no error', () => {
    const script = `"${process.execPath}" "${compiledEntry('src/cli/main.ts')}" list metrics | head -1; echo "$?"`
    const stdout = execFileSync('bash', ['-o', 'pipefail', '-c', script], { cwd, encoding: 'utf8' })
    expect(stdout).toBe('metrics\n0\n')
  })
})

describe('the committed JSON Schemas', () => {
  it('are those of this version: headroom schema --out schemas', () => {
    for (const [name, schema] of Object.entries(jsonSchemas())) {
      const committed = readFileSync(join(packageRoot, 'schemas', `${name}.json`), 'utf8')
      expect(committed).toBe(schemaText(schema))
    }
  })

  it('are named on the first line of every YAML file that ships', () => {
    const kinds = {
      scenarios: 'scenario',
      targets: 'target',
      profiles: 'profile',
      triggers: 'trigger',
    }
    for (const [folderName, kind] of Object.entries(kinds)) {
      const names = readdirSync(join(packageRoot, folderName)).filter((name) =>
        name.endsWith('.yaml'),
      )
      expect(names.length).toBeGreaterThan(0)
      for (const name of names) {
        const [first] = readFileSync(join(packageRoot, folderName, name), 'utf8').split('\n')
        expect(first).toBe(`# yaml-language-server: $schema=../schemas/${kind}.json`)
      }
    }
  })
})
