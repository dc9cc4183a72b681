using System.Collections.Frozen;
using Iced.Intel;
using KernOpt.Optimize.Facts;
using static Iced.Intel.Code;

namespace KernOpt.Optimize.Passes;

/// <summary>Forms of instructions with an immediate in the place of operand 1.</summary>
internal static class Encodable
{
    private static readonly Mnemonic[] Arithmetic =
        [Mnemonic.Add, Mnemonic.Or, Mnemonic.Adc, Mnemonic.Sbb, Mnemonic.And, Mnemonic.Sub, Mnemonic.Xor, Mnemonic.Cmp];

    // Iced names all of them alike: Add_rm32_imm32, Add_rm32_imm8 …
    private static readonly FrozenDictionary<(Mnemonic, int Width, bool IsShort), Iced.Intel.Code> Codes =
        Arithmetic.SelectMany(m => Forms.Select(f => (Key: (m, f.Width, f.IsShort), Code: Enum.Parse<Iced.Intel.Code>($"{m}_rm{f.Width}_{f.Immediate}"))))
            .ToFrozenDictionary(p => p.Key, p => p.Code);

    private static IEnumerable<(int Width, bool IsShort, string Immediate)> Forms =>
    [
        (8, true, "imm8"), (16, true, "imm8"), (16, false, "imm16"), (32, true, "imm8"), (32, false, "imm32"), (64, true, "imm8"), (64, false, "imm32"),
    ];

    /// <summary>
    /// The same operation with operand 1, a register or memory of this value, as an immediate. Null when there is no such form or the value does not fit the
    /// sign-extended 32 bits of it.
    /// </summary>
    public static Instruction? WithImmediate(in Instruction old, ulong value)
    {
        var width = Transfer.Width(old, 0);
        var signed = (long)KnownBits.Of(value).SignExtend(width).Value;
        if (signed != (int)signed) return null;
        Instruction? made = old.Mnemonic switch
        {
            Mnemonic.Mov => Store(old, width, signed),
            Mnemonic.Test => With(old, TestCode(width), LongKind(width), signed),
            Mnemonic.Imul when old.OpCount == 2 => Product(old, width, signed),
            _ when !Arithmetic.Contains(old.Mnemonic) => null,
            _ when signed == (sbyte)signed => With(old, Codes[(old.Mnemonic, width, true)], ShortKind(width), signed),
            _ => With(old, Codes[(old.Mnemonic, width, false)], LongKind(width), signed),
        };
        return made is { } instruction ? Rewrite.At(old, instruction) : null;
    }

    private static Iced.Intel.Code TestCode(int width) =>
        width switch { 8 => Test_rm8_imm8, 16 => Test_rm16_imm16, 32 => Test_rm32_imm32, _ => Test_rm64_imm32 };

    /// <summary>Only stores: a mov to a register is the business of <see cref="FoldConstants"/>.</summary>
    private static Instruction? Store(in Instruction old, int width, long value) => old.Op0Kind != OpKind.Memory ? null
        : With(old, width switch { 8 => Mov_rm8_imm8, 16 => Mov_rm16_imm16, 32 => Mov_rm32_imm32, _ => Mov_rm64_imm32 }, LongKind(width), value);

    /// <summary>imul r, x with x known: imul r, r, imm.</summary>
    private static Instruction? Product(in Instruction old, int width, long value)
    {
        var isShort = value == (sbyte)value;
        var register = old.Op0Register;
        return width switch
        {
            32 => Instruction.Create(isShort ? Imul_r32_rm32_imm8 : Imul_r32_rm32_imm32, register, register, (int)value),
            64 => Instruction.Create(isShort ? Imul_r64_rm64_imm8 : Imul_r64_rm64_imm32, register, register, (int)value),
            _ => null,
        };
    }

    private static Instruction With(in Instruction old, Iced.Intel.Code code, OpKind kind, long value)
    {
        if (old.Op0Kind == OpKind.Register) return Instruction.Create(code, old.Op0Register, (int)value);
        var made = old;
        made.Code = code;
        made.Op1Kind = kind;
        made.SetImmediate(1, value);
        return made;
    }

    private static OpKind ShortKind(int width) =>
        width switch { 8 => OpKind.Immediate8, 16 => OpKind.Immediate8to16, 32 => OpKind.Immediate8to32, _ => OpKind.Immediate8to64 };

    private static OpKind LongKind(int width) =>
        width switch { 8 => OpKind.Immediate8, 16 => OpKind.Immediate16, 32 => OpKind.Immediate32, _ => OpKind.Immediate32to64 };
}
