/** `headroom schema`: JSON Schemas of the YAML files, for editors. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'

interface SchemaFlags extends CommonFlags {
  readonly out: string | undefined
}

export const schemaCommand: Command<SchemaFlags> = {
  command: 'schema',
  describe: 'Write the JSON Schemas of all YAML files for editors',
  builder: (yargs: Argv<CommonFlags>) =>
    yargs
      .option('out', {
        type: 'string',
        describe: 'Folder to write them to; without it they are printed as one JSON object',
        coerce: once('--out'),
      })
      .example('$0 schema --out schemas', 'One file per kind of YAML file'),
  handler: async ({ out, json }, { terminal }) => {
    const { jsonSchemas } = await import('../json-schemas.ts')
    const schemas = jsonSchemas()
    if (out === undefined) {
      terminal.data(JSON.stringify(schemas, null, 2))
      return 0
    }
    const folder = resolve(out)
    mkdirSync(folder, { recursive: true })
    const files = Object.entries(schemas).map(([name, schema]) => {
      const file = join(folder, `${name}.json`)
      writeFileSync(file, schemaText(schema))
      return file
    })
    if (json) terminal.data(JSON.stringify({ files }, null, 2))
    else for (const file of files) terminal.data(file)
    return 0
  },
}

export function schemaText(schema: unknown): string {
  return `${JSON.stringify(schema, null, 2)}\n`
}
