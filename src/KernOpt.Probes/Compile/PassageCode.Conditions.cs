using Iced.Intel;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

internal sealed partial class PassageCode
{
    /// <summary>Numerical Recipes (3rd ed., 7.1): a full period modulo 2^32.</summary>
    private const int GeneratorFactor = 1664525, GeneratorStep = 1013904223;

    /// <summary>
    /// Which word of the point belongs to each part that needs one. A sample's: counts down, high half the state of its random numbers. A rate's: the time stamp of the next passage.
    /// </summary>
    public required IReadOnlyDictionary<Expression, int> States { get; init; }

    /// <summary>Jumps when the condition is <paramref name="wanted"/>, and goes on otherwise.</summary>
    public void JumpIf(Expression condition, bool wanted, Label to)
    {
        switch (condition)
        {
            case UnaryOperation { Operator: UnaryOperator.Not } not:
                JumpIf(not.Value, !wanted, to);
                break;
            case BinaryOperation { Operator: BinaryOperator.And or BinaryOperator.Or } pair:
                JumpIfPair(pair, wanted, to);
                break;
            case CalledFrom from:
                CompareCaller(from);
                Jump(wanted ? ConditionCode.b : ConditionCode.ae, to);
                break;
            case Every { N: 1 }:
                if (wanted) code.jmp(to);
                break;
            case Every every:
                Sample(every, wanted, to);
                break;
            case ThreadMark mark:
                JumpIfMarked(mark, wanted, to);
                break;
            case RateLimit limit:
                Limit(limit, wanted, to);
                break;
            case BinaryOperation comparison:
                Jump(Compare(comparison, wanted), to);
                break;
            default:
                throw new ArgumentException($"'{condition}' is no condition", nameof(condition));
        }
    }

    /// <summary>The step that decides a sample needs no register. <see cref="Reload"/> must follow where it is taken.</summary>
    public void JumpIfSampled(Every every, Label to)
    {
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Dec_rm32, Word(States[every], 4)));
        code.js(to);
    }

    /// <summary>The next distance: 1 to 2N-1 passages, each as likely as the other, so N on average.</summary>
    public void Reload(Every every)
    {
        var random = Free(0);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Imul_r32_rm32_imm32, random.Low32(), Word(States[every], 4, 4), GeneratorFactor));
        code.add(random.Low32(), GeneratorStep);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_rm32_r32, Word(States[every], 4, 4), random.Low32()));
        code.imul(random, random, (int)(2 * every.N - 1));
        code.shr(random, 32);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_rm32_r32, Word(States[every], 4), random.Low32()));
    }

    private void Sample(Every every, bool wanted, Label to)
    {
        Label sampled = code.CreateLabel(), passed = code.CreateLabel();
        JumpIfSampled(every, sampled);
        if (!wanted) code.jmp(to);
        Land(ref passed);
        OutOfLine(sampled, () =>
        {
            Reload(every);
            code.jmp(wanted ? to : passed);
        });
    }

    /// <summary>Of those that come at the same moment one is let through. rax and rdx are the first of the scratch registers.</summary>
    private void Limit(RateLimit limit, bool wanted, Label to)
    {
        var following = Free(2);
        Label refused = code.CreateLabel();
        ReadTimeStamp(rax, rdx);
        code.mov(rdx, rax);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_r64_rm64, rax, Word(States[limit], 8)));
        code.cmp(rdx, rax);
        code.jb(wanted ? refused : to);
        Set(following, limit.Ticks);
        code.add(following, rdx);
        var exchange = Instruction.Create(Iced.Intel.Code.Cmpxchg_rm64_r64, Word(States[limit], 8), following);
        exchange.HasLockPrefix = true;
        code.AddInstruction(exchange);
        if (wanted)
        {
            code.je(to);
            code.Label(ref refused);
            code.nop();
        }
        else code.jne(to);
    }

    private void JumpIfPair(BinaryOperation pair, bool wanted, Label to)
    {
        // Decided by the left side alone where that is what makes the whole: false for "and", true for "or".
        var decisive = pair.Operator == BinaryOperator.Or;
        if (decisive == wanted)
        {
            JumpIf(pair.Left, wanted, to);
            JumpIf(pair.Right, wanted, to);
            return;
        }
        var decided = code.CreateLabel();
        JumpIf(pair.Left, !wanted, decided);
        JumpIf(pair.Right, wanted, to);
        code.Label(ref decided);
        code.nop();
    }

    /// <summary>Carry: the call lies in the function. A return address is behind its call: one past the end belongs to a function, its start does not.</summary>
    private void CompareCaller(CalledFrom from)
    {
        var distance = Compute(new ReturnAddress(), 0);
        Set(Free(1), from.Function.Start.Value + 1);
        code.sub(distance, Free(1));
        code.cmp(distance, (int)Math.Min(from.Function.Length, int.MaxValue));
    }

    private ConditionCode Compare(BinaryOperation comparison, bool wanted)
    {
        var isSigned = TypeCheck.KindOf(comparison.Left).Value == ValueKind.Signed || TypeCheck.KindOf(comparison.Right).Value == ValueKind.Signed;
        if (comparison.Left is RegisterValue { Register: var narrow } && narrow.IsGPR32() && comparison.Right is Number { Value: <= int.MaxValue and var small } && IsUntouched(narrow))
            code.cmp(new AssemblerRegister32(narrow), (int)small);
        else
        {
            var left = InPlace(comparison.Left) ?? Compute(comparison.Left, 0);
            if (comparison.Right is Number { Value: var number } && Immediate(number) is { } immediate) code.cmp(left, immediate);
            else code.cmp(left, InPlace(comparison.Right) ?? Compute(comparison.Right, 1));
        }
        return OnFlags(comparison.Operator, isSigned, wanted);
    }

    private bool IsUntouched(Register register) => register.GetFullRegister() is var full && full != Register.RSP && full != scratch.Flags && !(isOpen && scratch.Registers.Contains(full));

    private static ConditionCode OnFlags(BinaryOperator comparison, bool isSigned, bool wanted) => (comparison, wanted) switch
    {
        (BinaryOperator.Equal, true) or (BinaryOperator.NotEqual, false) => ConditionCode.e,
        (BinaryOperator.Equal, false) or (BinaryOperator.NotEqual, true) => ConditionCode.ne,
        (BinaryOperator.Less, true) or (BinaryOperator.GreaterOrEqual, false) => isSigned ? ConditionCode.l : ConditionCode.b,
        (BinaryOperator.GreaterOrEqual, true) or (BinaryOperator.Less, false) => isSigned ? ConditionCode.ge : ConditionCode.ae,
        (BinaryOperator.Greater, true) or (BinaryOperator.LessOrEqual, false) => isSigned ? ConditionCode.g : ConditionCode.a,
        _ => isSigned ? ConditionCode.le : ConditionCode.be,
    };

    private void Jump(ConditionCode condition, Label to)
    {
        switch (condition)
        {
            case ConditionCode.e: code.je(to); break;
            case ConditionCode.ne: code.jne(to); break;
            case ConditionCode.l: code.jl(to); break;
            case ConditionCode.ge: code.jge(to); break;
            case ConditionCode.g: code.jg(to); break;
            case ConditionCode.le: code.jle(to); break;
            case ConditionCode.b: code.jb(to); break;
            case ConditionCode.ae: code.jae(to); break;
            case ConditionCode.a: code.ja(to); break;
            default: code.jbe(to); break;
        }
    }

    private MemoryOperand Word(int index, int bytes, int offset = 0) => new(Register.RIP, (long)(context.Word(index).Value + (ulong)offset), bytes);
}
