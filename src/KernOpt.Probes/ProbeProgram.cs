using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Probes;

/// <summary>
/// An action under a predicate, checked, as code for points. It cannot hurt the target: it has no jump backwards but in loops of fixed length, writes nothing but its own words
/// and, below the red zone, what it saves, and reads only what is proved readable.
/// </summary>
public sealed class ProbeProgram : IPointProgram
{
    private const int FrameBytes = 96, BytesOfPart = 64;
    private const int MostParts = 400;

    private readonly ImmutableArray<Expression> conditions;
    private readonly Dictionary<Every, int> countdowns = new(ReferenceEqualityComparer.Instance);
    private readonly ImmutableArray<Expression> parts;
    private readonly HashSet<Register> read;
    private readonly int registers;

    private ProbeProgram(Expression? when, ProbeAction action)
    {
        When = when;
        Action = action;
        conditions = when is null ? [] : [.. Conjuncts(when)];
        parts = [.. conditions.Concat(action.Values).SelectMany(e => e.All())];
        foreach (var every in parts.OfType<Every>()) countdowns.TryAdd(every, countdowns.Count);
        read = [.. parts.Select(RegisterOf).Where(r => r is not (Register.None or Register.RSP))];
        registers = conditions.Select(Needs.OfCondition).Append(action.Registers).Max();
    }

    /// <summary>Null for always.</summary>
    public Expression? When { get; }

    public ProbeAction Action { get; }

    /// <summary>The number of the action's first word among those of a point.</summary>
    public int ActionWords => countdowns.Count;

    public int Words => countdowns.Count + Action.Words;
    public int SharedWords => Action.SharedWords;
    public int MostBytes => FrameBytes + BytesOfPart * parts.Length + Action.MostBytes;
    public bool IsPlaceFree => Action is CountAction or PerThreadCountAction && conditions.All(c => c is Every);

    /// <summary>Refused: 8009 what does not fit together, 5504 what needs more registers than there are.</summary>
    public static Outcome<ProbeProgram> Of(Expression? when, ProbeAction action)
    {
        if (when is not null && !TypeCheck.Condition(when).Try(out _, out var why)) return why;
        foreach (var value in action.Values)
        {
            if (!TypeCheck.Value(value).Try(out _, out why)) return why;
        }
        var program = new ProbeProgram(when, action);
        return program.registers <= Scratch.Most && program.parts.Length <= MostParts ? program : Reasons.ProgramTooLarge.With($"{program.registers} registers, {program.parts.Length} parts");
    }

    /// <summary>Refused: 5501, 5502, 5503, 5505.</summary>
    public Refusal? Check(FunctionGraph graph, Point point)
    {
        if (Action.Check(graph, point) is { } refusal) return refusal;
        foreach (var part in ConditionsAt(graph, point).Concat(Action.Values).SelectMany(e => e.All()))
        {
            if (part is Argument && !FunctionEntry.IsAt(graph, point)) return Reasons.ArgumentNotKnown.With($"{part} at {point} in {graph.Function}");
            if (part is ReturnAddress or CalledFrom && ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null) return Reasons.CallerNotKnown.With($"{part} at {point} in {graph.Function}");
            if (part is Load load && !ReadProof.IsProved(graph, point, load)) return Reasons.ReadNotProved.With($"{load} at {point} in {graph.Function}");
        }
        return null;
    }

    /// <summary>Each point begins somewhere else in the random numbers of its samplings, and at none of its first N passages rather than at another.</summary>
    public void Prepare(Span<ulong> words)
    {
        foreach (var (every, word) in countdowns) words[word] = (ulong)(uint)Random.Shared.Next() << 32 | (uint)Random.Shared.Next((int)every.N);
    }

    public void Emit(Assembler code, in PointContext context)
    {
        var passage = new PassageCode(code, context, Scratch.Choose(registers, Action.Named.AsSpan(), read, context.Live)) { Countdowns = countdowns };
        Label unchanged = code.CreateLabel(), close = code.CreateLabel();
        var conditions = ConditionsAt(context.Graph, context.Point);
        passage.SaveFlags();
        if (Action.HasOtherwise && !conditions.IsEmpty)
        {
            EmitBoth(passage, conditions);
            return;
        }
        var (early, sampled) = BeforeTheFrame(conditions);
        for (var i = 0; i < early; i++) passage.JumpIf(conditions[i], wanted: false, unchanged);
        if (sampled is not null) passage.JumpUnlessSampled(sampled, unchanged);
        passage.Open();
        if (sampled is not null) passage.Reload(sampled);
        for (var i = early + (sampled is null ? 0 : 1); i < conditions.Length; i++) passage.JumpIf(conditions[i], wanted: false, close);
        Action.Emit(passage, ActionWords);
        if (!conditions.IsEmpty) Land(code, ref close);
        passage.Close();
        if (!conditions.IsEmpty) Land(code, ref unchanged);
        passage.RestoreFlags();
    }

    private void EmitBoth(PassageCode passage, ImmutableArray<Expression> conditions)
    {
        var code = passage.Code;
        Label otherwise = code.CreateLabel(), close = code.CreateLabel();
        passage.Open();
        foreach (var condition in conditions) passage.JumpIf(condition, wanted: false, otherwise);
        Action.Emit(passage, ActionWords);
        code.jmp(close);
        Land(code, ref otherwise);
        Action.EmitOtherwise(passage);
        Land(code, ref close);
        passage.Close();
        passage.RestoreFlags();
    }

    private ImmutableArray<Expression> ConditionsAt(FunctionGraph graph, Point point) => Action.IsConditional(graph, point) ? conditions : [];

    /// <summary>An instruction of its own, since the next one may be another label's.</summary>
    private static void Land(Assembler code, ref Label label)
    {
        code.Label(ref label);
        code.nop();
    }

    /// <summary>How many conditions can be decided without a register, and the sampling that follows them: what most passages come to should cost little.</summary>
    private static (int Early, Every? Sampled) BeforeTheFrame(ImmutableArray<Expression> conditions)
    {
        var early = 0;
        while (early < conditions.Length && Needs.OfCondition(conditions[early]) == 0) early++;
        return (early, early < conditions.Length ? conditions[early] as Every : null);
    }

    private static IEnumerable<Expression> Conjuncts(Expression when) =>
        when is BinaryOperation { Operator: BinaryOperator.And } and ? Conjuncts(and.Left).Concat(Conjuncts(and.Right)) : [when];

    private static Register RegisterOf(Expression part) => part switch
    {
        RegisterValue value => value.Register.GetFullRegister(),
        Argument argument => argument.Register,
        _ => Register.None,
    };
}
