using System.Numerics;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;
using KernOpt.Target;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Replaces divisions by known divisors with multiplications, shifts and masks, and multiplications by 2^k, 3, 5 and 9 with shl and lea.
/// <code>
///     xor  edx, edx                  mov  eax, eax
///     div  ecx                       mov  rdx, 0x1999999999999a
///                             =>     imul rax, rdx           ; ecx is 10000, only the remainder is read
///                                    mov  edx, 10000
///                                    mul  rdx
/// </code>
/// rax and rdx get exactly what div leaves there, as far as it is read; its flags are undefined, so none is kept. Where a further register is
/// needed, it must be free at this place and one that the function writes anyway: callers compiled with -fipa-ra may rely on the others.
/// </summary>
internal sealed class ReduceStrength : IPass
{
    public string Id => "reduce-strength";

    public int Run(FunctionBody body, PassContext context)
    {
        var changes = 0;
        var flow = context.Values(body);
        foreach (var block in body.Order)
        {
            if (flow.AtStart(block) is not { } facts) continue;
            for (var i = 0; i < block.Instructions.Count; i++)
            {
                var old = block.Instructions[i];
                var code = old.Mnemonic switch
                {
                    Mnemonic.Imul when old.OpCount == 3 => Multiplication(body, block, i),
                    Mnemonic.Div or Mnemonic.Idiv => DivisionAt(body, block, i, facts, flow.Transfer, context),
                    _ => null,
                };
                flow.Transfer.Apply(old, facts);
                if (code is null) continue;
                block.Instructions.RemoveAt(i);
                block.Instructions.InsertRange(i, code);
                i += code.Count - 1;
                changes++;
            }
        }
        return changes;
    }

    private static IReadOnlyList<Instruction>? Multiplication(FunctionBody body, BodyBlock block, int index)
    {
        var old = block.Instructions[index];
        var width = MachineFacts.WidthOf(old.Op0Register);
        if (old.Op1Kind != OpKind.Register || width < 32) return null;
        var factor = (long)old.GetImmediate(2);
        if (factor <= 0 || !(BitOperations.IsPow2(factor) || factor is 3 or 5 or 9)) return null;
        if (Liveness.Of(body).Before(block, index + 1).Overlaps(LiveSet.Of(MachineFacts.StatusFlags))) return null;
        var code = new CodeList(old, width);
        if (factor == 1 && width == 32 && old.Op0Register == old.Op1Register) return code.ZeroExtend(old.Op0Register).Code;
        return BitOperations.IsPow2(factor)
            ? code.Move(old.Op0Register, old.Op1Register).ShiftLeft(old.Op0Register, BitOperations.Log2((ulong)factor)).Code
            : code.LoadSum(old.Op0Register, old.Op1Register, (int)factor - 1).Code;
    }

    private static IReadOnlyList<Instruction>? DivisionAt(
        FunctionBody body, BodyBlock block, int index, MachineFacts facts, Transfer transfer, PassContext context)
    {
        var old = block.Instructions[index];
        var width = Transfer.Width(old, 0);
        if (width < 32 || transfer.Read(old, 0, facts) is not { IsConstant: true, Value: not 0 and var bits }) return null;
        if (old.Op0Kind == OpKind.Memory && Faults.MayFault(WithoutDividing(old), facts, context.Source)) return null;
        var divisor = (long)KnownBits.Of(bits).SignExtend(width).Value;
        var (low, high) = (facts[Rewrite.Narrow(Register.RAX, width)], facts[Rewrite.Narrow(Register.RDX, width)]);
        var isUnsigned = high == KnownBits.Zero && (old.Mnemonic == Mnemonic.Div || (low.Bit(width - 1) == false && divisor > 0));
        if (!isUnsigned && (old.Mnemonic == Mnemonic.Div || divisor == -1 || !IsSignExtended(block, index, width)))
        {
            context.Skip(Reasons.DividendIsWide, old.IP);
            return null;
        }
        var shape = ShapeOf(body, block, index, facts, low.Maximum, context);
        var code = new CodeList(old, width);
        if (isUnsigned ? DivisionByConstant.TryUnsigned(code, bits, shape) : DivisionByConstant.TrySigned(code, divisor, shape)) return code.Code;
        context.Skip(Reasons.NoFreeRegister, old.IP);
        return null;
    }

    /// <summary>A plain load of the divisor, for asking whether that may fault.</summary>
    private static Instruction WithoutDividing(in Instruction old)
    {
        var load = old;
        load.Code = Iced.Intel.Code.Not_rm64;
        return load;
    }

    /// <summary>What is read after the division and which register is free, seen without the division's own use of its divisor.</summary>
    private static DivisionShape ShapeOf(FunctionBody body, BodyBlock block, int index, MachineFacts facts, ulong largest, PassContext context)
    {
        var old = block.Instructions[index];
        block.Instructions[index] = Rewrite.At(old, Instruction.Create(Iced.Intel.Code.Div_rm64, Register.RAX));
        var live = Liveness.Of(body).Before(block, index + 1);
        block.Instructions[index] = old;
        var scratch = ScratchRegisters.FirstOrDefault(r => live.Parts(r) == RegisterPart.None && context.WrittenByOriginal.Parts(r) != RegisterPart.None);
        return new DivisionShape(
            live.Parts(Register.RAX) != RegisterPart.None,
            live.Parts(Register.RDX) != RegisterPart.None,
            scratch,
            facts[Register.RAX].Maximum <= uint.MaxValue,
            largest);
    }

    private static readonly Register[] ScratchRegisters =
    [
        Register.RCX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11,
        Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15,
    ];

    /// <summary>cdq (cqo) stands before the division, and neither half is written in between.</summary>
    private static bool IsSignExtended(BodyBlock block, int index, int width)
    {
        var halves = LiveSet.Of(Register.RAX) | LiveSet.Of(Register.RDX);
        for (var i = index - 1; i >= 0; i--)
        {
            var before = block.Instructions[i];
            if (before.Mnemonic == (width == 32 ? Mnemonic.Cdq : Mnemonic.Cqo)) return true;
            if (RegisterEffects.Of(before).Writes.Overlaps(halves)) return false;
        }
        return false;
    }
}
