using Iced.Intel;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

internal sealed partial class PassageCode
{
    /// <summary>Computes a value in scratch register number <paramref name="into"/>, using that one and those behind it: as many as <see cref="Needs.OfValue"/> says.</summary>
    public AssemblerRegister64 Compute(Expression expression, int into)
    {
        var result = Free(into);
        switch (expression)
        {
            case Number number:
                Set(result, number.Value);
                break;
            case RegisterValue { Register: var register }:
                Fetch(result, register);
                break;
            case Argument argument:
                Fetch(result, argument.Register);
                break;
            case ReturnAddress:
                code.mov(result, __qword_ptr[rsp + (below + ReturnAddressAbove)]);
                break;
            case ThreadNumber thread:
                FetchThreadNumber(result, thread.Offset);
                break;
            case DataAddress data:
                Set(result, data.Place.At.Value);
                break;
            case SystemCallValue asked:
                Ask(result, asked);
                break;
            case Load load when MakesSystemCalls && !ReadProof.IsProved(context.Graph, context.Point, load, ProgramMayRecover):
                ReadChecked(Compute(load.Address, into), load.Type.Bytes);
                Extend(result, load.Type);
                break;
            case Load load:
                Read(result, load, into);
                break;
            case Cast cast:
                Compute(cast.Value, into);
                Extend(result, cast.Type);
                break;
            case UnaryOperation { Operator: UnaryOperator.Complement } complement:
                Compute(complement.Value, into);
                code.not(result);
                break;
            case UnaryOperation negate:
                Compute(negate.Value, into);
                code.neg(result);
                break;
            case BinaryOperation binary:
                Combine(result, binary, into);
                break;
            default:
                throw new ArgumentException($"'{expression}' is no value", nameof(expression));
        }
        return result;
    }

    public void FetchThreadNumber(AssemblerRegister64 result, int offset) =>
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_r32_rm32, result.Low32(), new MemoryOperand(Register.None, Register.None, 1, offset, 8, false, Register.FS)));

    /// <summary>Where the function's return address lies: the same at all of its exits as at its entry, and no other call's as long as this one lasts.</summary>
    public void FetchFrame(AssemblerRegister64 result) => code.lea(result, __[rsp + (below + ReturnAddressAbove)]);

    /// <summary>Cycles of the processor's time stamp, into the first; rdtsc answers in rax and rdx.</summary>
    public void ReadTimeStamp(AssemblerRegister64 result, AssemblerRegister64 upper)
    {
        code.rdtsc();
        code.shl(upper, 32);
        code.or(result, upper);
    }

    /// <summary>The number of the highest bit that is set, 0 for 0. lzcnt takes a cycle where bsr takes four and eight micro-operations (Zen 3); a processor without it would run it as bsr.</summary>
    public void Magnitude(AssemblerRegister64 value)
    {
        code.or(value, 1);
        if (!System.Runtime.Intrinsics.X86.Lzcnt.X64.IsSupported)
        {
            code.bsr(value, value);
            return;
        }
        code.lzcnt(value, value);
        code.xor(value.Low32(), 63);
    }

    /// <summary>The upper bits of the product with the golden ratio (Knuth, TAOCP 3, §6.4), times 2^shift.</summary>
    public void Hash(AssemblerRegister64 result, AssemblerRegister64 value, int bits, byte shift)
    {
        code.mov(result, GoldenRatio);
        code.imul(result, value);
        code.shr(result, (byte)(64 - bits));
        code.shl(result, shift);
    }

    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;

    private void Combine(AssemblerRegister64 result, BinaryOperation binary, int into)
    {
        Compute(binary.Left, into);
        if (binary.Operator is BinaryOperator.ShiftLeft or BinaryOperator.ShiftRight)
        {
            var by = (byte)((Number)binary.Right).Value;
            if (binary.Operator == BinaryOperator.ShiftLeft) code.shl(result, by);
            else if (TypeCheck.KindOf(binary.Left).Value == ValueKind.Signed) code.sar(result, by);
            else code.shr(result, by);
            return;
        }
        if (binary.Right is Number { Value: var number } && Immediate(number) is { } immediate)
        {
            Apply(binary.Operator, result, immediate);
            return;
        }
        var right = InPlace(binary.Right) ?? Compute(binary.Right, into + 1);
        switch (binary.Operator)
        {
            case BinaryOperator.Add: code.add(result, right); break;
            case BinaryOperator.Subtract: code.sub(result, right); break;
            case BinaryOperator.Multiply: code.imul(result, right); break;
            case BinaryOperator.BitAnd: code.and(result, right); break;
            case BinaryOperator.BitOr: code.or(result, right); break;
            default: code.xor(result, right); break;
        }
    }

    private void Apply(BinaryOperator @operator, AssemblerRegister64 result, int immediate)
    {
        switch (@operator)
        {
            case BinaryOperator.Add: code.add(result, immediate); break;
            case BinaryOperator.Subtract: code.sub(result, immediate); break;
            case BinaryOperator.Multiply: code.imul(result, result, immediate); break;
            case BinaryOperator.BitAnd: code.and(result, immediate); break;
            case BinaryOperator.BitOr: code.or(result, immediate); break;
            default: code.xor(result, immediate); break;
        }
    }

    /// <summary>The register that holds a whole 64-bit value already; null where it must be computed.</summary>
    private AssemblerRegister64? InPlace(Expression expression)
    {
        var register = expression switch
        {
            RegisterValue value when value.Register.IsGPR64() => value.Register,
            Argument argument => argument.Register,
            _ => Register.None,
        };
        if (register is Register.None or Register.RSP) return null;
        return IsUntouched(register) ? new AssemblerRegister64(register) : null;
    }

    /// <summary>A number that an instruction can hold, which is extended by its sign.</summary>
    private static int? Immediate(ulong value) => (long)value is >= int.MinValue and <= int.MaxValue ? (int)value : null;

    private void Set(AssemblerRegister64 result, ulong value)
    {
        if (value <= uint.MaxValue) code.mov(result.Low32(), (uint)value);
        else code.mov(result, value);
    }

    /// <summary>The point's own value of a register, as wide as its name.</summary>
    private void Fetch(AssemblerRegister64 result, Register register)
    {
        var full = register.GetFullRegister();
        var isHigh = register is >= Register.AH and <= Register.BH;
        if (full == Register.RSP) code.lea(result, __[rsp + below]);
        else if (SavedAt(full) is { } saved) code.mov(result, __qword_ptr[rsp + saved]);
        else if (result != new AssemblerRegister64(full)) code.mov(result, new AssemblerRegister64(full));
        if (isHigh) code.shr(result, 8);
        Extend(result, new IntegerType(register.GetSize(), false));
    }

    private void Extend(AssemblerRegister64 result, IntegerType type)
    {
        var low = result.Low32();
        switch (type.Bytes, type.IsSigned)
        {
            case (1, false): code.movzx(low, result.Low8()); break;
            case (1, true): code.movsx(result, result.Low8()); break;
            case (2, false): code.movzx(low, result.Low16()); break;
            case (2, true): code.movsx(result, result.Low16()); break;
            case (4, false): code.mov(low, low); break;
            case (4, true): code.movsxd(result, low); break;
        }
    }

    /// <summary>The address has been proved readable: <see cref="ReadProof"/>.</summary>
    private void Read(AssemblerRegister64 result, Load load, int into)
    {
        var address = PlaceInMemory.Of(load.Address) is { Register: Register.RSP } stack ? __[rsp + (below + stack.Offset)] : __[Compute(load.Address, into)];
        switch (load.Type.Bytes, load.Type.IsSigned)
        {
            case (1, false): code.movzx(result.Low32(), __byte_ptr[address]); break;
            case (1, true): code.movsx(result, __byte_ptr[address]); break;
            case (2, false): code.movzx(result.Low32(), __word_ptr[address]); break;
            case (2, true): code.movsx(result, __word_ptr[address]); break;
            case (4, false): code.mov(result.Low32(), __dword_ptr[address]); break;
            case (4, true): code.movsxd(result, __dword_ptr[address]); break;
            default: code.mov(result, __qword_ptr[address]); break;
        }
    }
}
