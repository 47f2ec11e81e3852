import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { redact, redactDeep } from '../../../src/logging/redact.ts'
import { registerAddress, registerKey, registerSecret } from '../../../src/secrets.ts'

const PEM = `-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n`

describe('what looks like a secret is blotted out', () => {
  test.each([
    ['mongodb://user:hunter2@db.example:27017/avalon', 'mongodb://[redacted]@db.example:27017/avalon'],
    ['mongodb+srv://user:hunter2@cluster/?x=1 failed', 'mongodb+srv://[redacted]@cluster/?x=1 failed'],
    ['mongodb://user:p@ss/w:rd@h1:1,h2:2/db', 'mongodb://[redacted]@h1:1,h2:2/db'],
    ['mongodb://user@h', 'mongodb://[redacted]@h'],
    ['mongodb://:hunter2@h', 'mongodb://[redacted]@h'],
    ['see HTTPS://me:hunter2@proxy:8080/x and ftp://a:hunter2@h', 'see HTTPS://[redacted]@proxy:8080/x and ftp://[redacted]@h'],
    ['mongodb://user:27017hunter2@h', 'mongodb://[redacted]@h'],
    ['Authorization: Bearer hunter2.x', 'Authorization: [redacted] [redacted]'],
    ['bearer ya29.a0AfH6_x-y', 'Bearer [redacted]'],
    ['Authorization: Basic aHVudGVyMg==', 'Authorization: [redacted] [redacted]'],
    [`key ${PEM}!`, 'key [redacted key]\n!'],
    [`{"private_key":"${PEM.replaceAll('\n', '\\n')}","x":1}`, '{"private_key":[redacted],"x":1}'],
    ['-----BEGIN RSA PRIVATE KEY-----\nhunter2 cut o', '[redacted key]'],
    [
      'https://h/upload/drive/v3/files?uploadType=resumable&upload_id=ABPtc_hunter2-x&y=1',
      'https://h/upload/drive/v3/files?uploadType=resumable&upload_id=[redacted]&y=1',
    ],
    ['token ya29.c.hunter2_-x!', 'token [redacted token]!'],
    ['jwt eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.hunter2_-x.', 'jwt [redacted token].'],
    ['1//0ghunter2hunter2hunter2x', '[redacted token]'],
    ['AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['password=hunter2&user=me', 'password=[redacted]&user=me'],
    ['PASSWORD = "hunter2 \\" hunter2", next', 'PASSWORD = [redacted], next'],
    ['password="hunter2 cut o', 'password=[redacted]'],
    ["pwd: 'hunter2 x'", 'pwd: [redacted]'],
    ['{"client_secret":"hunter2","refresh_token":"hunter2"}', '{"client_secret":[redacted],"refresh_token":[redacted]}'],
    ['{\\"password\\":\\"hunter2\\"}', '{\\"password\\":[redacted]}'],
    ['aws_secret_access_key=hunter2/+x', 'aws_secret_access_key=[redacted]'],
    ['https://s3/x?X-Amz-Signature=hunter2&X-Amz-Date=1', 'https://s3/x?X-Amz-Signature=[redacted]&X-Amz-Date=1'],
    ['GOCSPX-hunter2hunter2', '[redacted]'],
  ])('%s', (text, expected) => {
    const clean = redact(text)
    expect(clean).not.toContain('hunter2')
    expect(clean).not.toContain('MIIE')
    // A header is caught by its name or by its scheme; either will do.
    expect(
      clean
        .replace('Authorization: Bearer [redacted]', 'Authorization: [redacted] [redacted]')
        .replace('[redacted] [redacted]', '[redacted]'),
    ).toBe(expected.replace('[redacted] [redacted]', '[redacted]'))
  })

  test.each([
    '{root[work]}/prj/asset/publish/x.1001.exr',
    '/mnt/p/token/secrets/passwords.ma',
    'mongodb://h1:27017,h2:27017/avalon?replicaSet=rs0',
    'http://127.0.0.1:8080/drive/v3/files/1AbC?fields=id@x',
    'user@example.com',
    'site gdrive: 403, share the folder with robot@project.iam.gserviceaccount.com',
    '1AbCdEfGhIjKlMnOpQrStUvWxYz_012-345',
    'the resume token of the change stream',
  ])('%s stays as it is', (text) => {
    expect(redact(text)).toBe(text)
  })
})

describe('secrets that are registered', () => {
  test('show nowhere, as they are, in URIs and in JSON', () => {
    const secret = 'näive "key"\nwith/all %20'
    registerSecret('password', secret)
    for (const text of [secret, JSON.stringify({ a: secret }), `?q=${encodeURIComponent(secret)}`, encodeURI(secret)]) {
      expect(redact(`<${text}>`)).toContain('[redacted]')
      expect(redact(`<${text}>`)).not.toMatch(/näive|n%C3%A4ive/)
    }
  })

  test('however they are embedded', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, unit: 'grapheme' }), fc.string(), fc.string(), (secret, before, after) => {
        fc.pre(secret.trim().length >= 8 && !'[redacted]'.includes(secret))
        registerSecret('password', secret)
        expect(redact(before + secret + after)).not.toContain(secret)
        expect(JSON.stringify(redactDeep({ [secret]: [secret, { x: before + secret + after }] }))).not.toContain(
          JSON.stringify(secret).slice(1, -1),
        )
      }),
      { numRuns: 100 },
    )
  })

  test('words too short to be secret, and the mark itself, are not taken', () => {
    registerSecret('password', 'data')
    registerSecret('password', '')
    registerSecret('password', 'redacted')
    expect(redact('data redacted')).toBe('data redacted')
  })

  test('of each kind only the last ones are kept: a token each hour pushes out no password, and no key', () => {
    registerSecret('password', 'correct-horse')
    registerSecret('token', 'oldest-of-all')
    registerKey(PEM)
    for (let hour = 0; hour < 10_000; hour++) registerSecret('token', `access-token-${hour}`)
    for (let upload = 0; upload < 1_000; upload++) registerAddress(`https://upload.example/x?session=${String(upload).padStart(24, 's')}`)
    expect(redact('oldest-of-all')).toBe('oldest-of-all')
    expect(redact('access-token-9999 access-token-9960 correct-horse')).toBe('[redacted] [redacted] [redacted]')
    expect(redact(`hkiG9w0BAQEF MIIEvQIBADANBgkqhkiG9w0BAQEF ssssssssssssssssssss999?`)).not.toMatch(/hki|MII/)
    expect(redact('<sssssssssssssssssssss999>')).toBe('<[redacted]>')
  })
})

describe('data', () => {
  test('is copied plainly, without secrets', () => {
    class Id {
      toJSON() {
        return '65f0c0ffee'
      }
    }
    const data = {
      password: 'hunter2',
      nested: { access_token: 'hunter2', token: ['hunter2'], list: ['mongodb://u:hunter2@h'] },
      map: new Map([['client_secret', 'hunter2']]),
      set: new Set([1, 2]),
      id: new Id(),
      bytes: Uint8Array.of(1, 2, 3),
      error: new TypeError('password=hunter2'),
      when: new Date(0),
      never: new Date(Number.NaN),
      big: 12n,
      count: 3,
      nothing: null,
    }
    expect(redactDeep(data)).toEqual({
      password: '[redacted]',
      nested: { access_token: '[redacted]', token: '[redacted]', list: ['mongodb://[redacted]@h'] },
      map: { client_secret: '[redacted]' },
      set: [1, 2],
      id: '65f0c0ffee',
      bytes: '[3 bytes]',
      error: 'TypeError: password=[redacted]',
      when: '1970-01-01T00:00:00.000Z',
      never: 'invalid date',
      big: '12',
      count: 3,
      nothing: null,
    })
    expect(data.password).toBe('hunter2')
  })

  test('that is endless is cut', () => {
    const loop: Record<string, unknown> = {}
    for (const key of 'abcdefghij') loop[key] = loop
    expect(JSON.stringify(redactDeep(loop)).length).toBeLessThan(200_000)
  })
})
