using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;
using static Iced.Intel.Code;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Puts known values into the instructions that use them, so that the registers which held them, and the loads, become dead.
/// <code>
///     add  eax, esi                  add  eax, 16            ; esi is 16
///     shl  edx, cl            =>     shl  edx, 3             ; cl is 3
///     mov  rax, [rdi+rsi*8]          mov  rax, [rdi+128]
///     cmp  ecx, [rip+limit]          cmp  ecx, 100           ; constant data
/// </code>
/// Flags are written alike by both forms. Instructions that hold the address of a table of the copy's own stay as they are.
/// </summary>
internal sealed class SubstituteOperands : IPass
{
    public string Id => "substitute-operands";

    public int Run(FunctionBody body, PassContext context)
    {
        var flow = context.Values(body);
        var changes = 0;
        foreach (var block in body.Order)
        {
            if (flow.AtStart(block) is not { } facts) continue;
            for (var i = 0; i < block.Instructions.Count; i++)
            {
                var old = block.Instructions[i];
                if (!flow.Transfer.IsOpaque(old) && Substitute(old, facts, flow.Transfer) is { } made)
                {
                    block.Instructions[i] = made;
                    changes++;
                }
                flow.Transfer.Apply(old, facts);
            }
        }
        return changes;
    }

    private static Instruction? Substitute(in Instruction old, MachineFacts facts, Transfer transfer)
    {
        if (old.HasLockPrefix) return null;
        var made = Immediate(old, facts, transfer);
        return Address(made ?? old, facts) ?? made;
    }

    private static Instruction? Immediate(in Instruction old, MachineFacts facts, Transfer transfer)
    {
        if (old.OpCount != 2 || old.Op1Kind is not (OpKind.Register or OpKind.Memory) || Transfer.IsSameRegister(old)) return null;
        if (old.Op1Kind == OpKind.Register && !old.Op1Register.IsGPR()) return null;
        var value = transfer.Read(old, 1, facts);
        if (!value.IsConstant) return null;
        return Count(old, value.Value) ?? Encodable.WithImmediate(old, value.Value);
    }

    /// <summary>A shift by cl. The processor masks the count alike in both forms.</summary>
    private static Instruction? Count(in Instruction old, ulong value)
    {
        if (old.Op1Kind != OpKind.Register || old.Op1Register != Register.CL) return null;
        if (old.Code is not (>= Rol_rm8_CL and <= Sar_rm64_CL)) return null;
        var code = ByImmediate(old.Code);
        if (code == INVALID) return null;
        var made = old;
        made.Code = code;
        made.Op1Kind = OpKind.Immediate8;
        made.Immediate8 = (byte)value;
        return Rewrite.At(old, made);
    }

    private static Iced.Intel.Code ByImmediate(Iced.Intel.Code byCl) => byCl switch
    {
        Shl_rm8_CL => Shl_rm8_imm8, Shl_rm16_CL => Shl_rm16_imm8, Shl_rm32_CL => Shl_rm32_imm8, Shl_rm64_CL => Shl_rm64_imm8,
        Shr_rm8_CL => Shr_rm8_imm8, Shr_rm16_CL => Shr_rm16_imm8, Shr_rm32_CL => Shr_rm32_imm8, Shr_rm64_CL => Shr_rm64_imm8,
        Sar_rm8_CL => Sar_rm8_imm8, Sar_rm16_CL => Sar_rm16_imm8, Sar_rm32_CL => Sar_rm32_imm8, Sar_rm64_CL => Sar_rm64_imm8,
        Rol_rm8_CL => Rol_rm8_imm8, Rol_rm16_CL => Rol_rm16_imm8, Rol_rm32_CL => Rol_rm32_imm8, Rol_rm64_CL => Rol_rm64_imm8,
        Ror_rm8_CL => Ror_rm8_imm8, Ror_rm16_CL => Ror_rm16_imm8, Ror_rm32_CL => Ror_rm32_imm8, Ror_rm64_CL => Ror_rm64_imm8,
        _ => INVALID,
    };

    /// <summary>Known 64-bit base and index registers go into the displacement as long as that fits its sign-extended 32 bits.</summary>
    private static Instruction? Address(in Instruction old, MachineFacts facts)
    {
        if (!HasMemory(old) || old.IsVsib || old.MemoryBase is Register.RIP or Register.EIP || !AreWide(old)) return null;
        var made = old;
        var displacement = (long)old.MemoryDisplacement64;
        if (old.MemoryIndex != Register.None && facts[old.MemoryIndex] is { IsConstant: true } index
            && Fits(displacement, (long)index.Value, old.MemoryIndexScale, out displacement))
        {
            made.MemoryIndex = Register.None;
            made.MemoryIndexScale = 1;
        }
        // Without any register an absolute address would be left; that is only right below 2 GiB, and rare.
        if (old.MemoryBase is not (Register.None or Register.RSP) && made.MemoryIndex != Register.None && facts[old.MemoryBase] is { IsConstant: true } start
            && Fits(displacement, (long)start.Value, 1, out displacement))
        {
            made.MemoryBase = Register.None;
            if (made.MemoryIndexScale == 1) (made.MemoryBase, made.MemoryIndex) = (made.MemoryIndex, Register.None);
        }
        if (made.MemoryBase == old.MemoryBase && made.MemoryIndex == old.MemoryIndex) return null;
        if (made.MemoryBase == Register.None && made.MemoryIndex == Register.None) return null;
        made.MemoryDisplacement64 = (ulong)displacement;
        // A base of none takes a displacement of 32 bits; otherwise the encoder picks the size that the value needs.
        made.MemoryDisplSize = made.MemoryBase == Register.None ? 8 : displacement == 0 ? 0 : displacement == (sbyte)displacement ? 1 : 8;
        return Rewrite.At(old, made);
    }

    private static bool Fits(long displacement, long value, int scale, out long sum)
    {
        var exact = displacement + (Int128)value * scale;
        var fits = exact >= int.MinValue && exact <= int.MaxValue;
        sum = fits ? (long)exact : displacement;
        return fits;
    }

    private static bool AreWide(in Instruction old) =>
        (old.MemoryBase == Register.None || old.MemoryBase.IsGPR64()) && (old.MemoryIndex == Register.None || old.MemoryIndex.IsGPR64());

    private static bool HasMemory(in Instruction old)
    {
        for (var i = 0; i < old.OpCount; i++)
        {
            if (old.GetOpKind(i) == OpKind.Memory) return true;
        }
        return false;
    }
}
