import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HCL_DEPTH_MAX, HclError, parseHcl } from '../../src/config/hcl.ts';

describe('HCL', () => {
  it.each([
    ['a = 1', { a: 1 }],
    ['a = -1.5e2', { a: -150 }],
    ['a = 0x1F', { a: 31 }],
    ['a = true b = false', { a: true, b: false }],
    ['a = "x\\ty\\u00e9\\"" // end', { a: 'x\tyé"' }],
    [`a = "\${foo("bar")}"`, { a: `\${foo("bar")}` }],
    ['# one\n/* two\n */ a = [1, "b", [true], {c = 2},]', { a: [1, 'b', [true], { c: 2 }] }],
    ['a { b = 1 }', { a: { b: 1 } }],
    ['a = { b = 1, c = 2 }', { a: { b: 1, c: 2 } }],
    ['a { b = 1 }\na { b = 2 }\na { b = 3 }', { a: [{ b: 1 }, { b: 2 }, { b: 3 }] }],
    ['service "web" "x" { port = 1 }', { service: { web: { x: { port: 1 } } } }],
    ['"quoted key" = 1', { 'quoted key': 1 }],
    ['a.b-c = 1', { 'a.b-c': 1 }],
    ['a = <<EOF\nx\n  y\nEOF\nb = 1', { a: 'x\n  y\n', b: 1 }],
    ['a = <<-EOF\n    x\n      y\n    EOF\n', { a: 'x\n  y\n' }],
    ['{"a": 1}'.slice(1, -1), { a: 1 }],
    ['', {}],
  ])('reads %j', (text, wanted) => {
    expect(parseHcl(text)).toEqual(wanted);
  });

  it.each([
    ['a', 'At 1:2: expected a key, "=" or "{"'],
    ['a = ', 'At 1:5: expected a value'],
    ['a = "x', 'At 1:5: literal not terminated'],
    ['a = "\\q"', 'At 1:7: illegal char escape'],
    ['\n  a = [1 2]', 'At 2:10: list expected "," or "]"'],
    ['a { b = 1', 'At 1:10: object expected closing "}"'],
    ['a = <<EOF\nx', 'At 1:5: heredoc not terminated'],
    ['}', 'At 1:1: expected a key'],
    ['a "b" = 1', 'At 1:7: a block with labels takes no value'],
    [`a = ${'['.repeat(HCL_DEPTH_MAX + 1)}`, 'At 1:69: nested too deeply'],
  ])('refuses %j', (text, message) => {
    expect(() => parseHcl(text)).toThrow(message);
  });

  it('throws nothing but its own error, whatever it is given', () => {
    const piece = fc.constantFrom(
      'a',
      '=',
      '{',
      '}',
      '[',
      ']',
      '"',
      '<<E\n',
      '\n',
      '1',
      ',',
      '#',
      '\\',
      '${',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(piece).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseHcl(text);
        } catch (error) {
          expect(error).toBeInstanceOf(HclError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
