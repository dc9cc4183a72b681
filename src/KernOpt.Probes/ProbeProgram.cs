using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Probes;

/// <summary>
/// An action under a predicate, checked, as code for points. It cannot hurt the target: it runs nothing twice but in loops of fixed length, writes nothing but its own words
/// and, below the red zone, what it saves, and reads only what is proved readable.
/// </summary>
public sealed class ProbeProgram : IPointProgram
{
    private const int FrameBytes = 96, BytesOfPart = 64, BytesOfSystemCall = 256, BytesOfMark = 160;
    private const int MostParts = 400;

    private readonly ImmutableArray<Expression> conditions;
    private readonly Dictionary<Expression, int> states = new(ReferenceEqualityComparer.Instance);
    private readonly ImmutableArray<Expression> parts;
    private readonly HashSet<Register> read;
    private readonly Dictionary<ThreadMark, int> marks = [];
    private readonly ImmutableArray<Register> named;
    private readonly int registers;
    private readonly bool makesSystemCalls;
    private readonly bool programMayRecover;

    private ProbeProgram(Expression? when, ProbeAction action, bool allowsSystemCalls, bool programMayRecover)
    {
        this.programMayRecover = programMayRecover;
        When = when;
        Action = action;
        conditions = when is null ? [] : [.. Conjuncts(when)];
        parts = [.. conditions.Concat(action.Values).SelectMany(e => e.All())];
        foreach (var part in parts.Where(p => p is Every or RateLimit)) states.TryAdd(part, states.Count);
        makesSystemCalls = allowsSystemCalls && (action.NeedsSystemCalls || action is BreakAction || parts.Any(p => p is SystemCallValue or Load));
        foreach (var mark in parts.OfType<ThreadMark>()) marks.TryAdd(mark, action.SharedWords + marks.Count * PassageCode.WordsOfMarks);
        named = marks.Count > 0 || parts.Any(p => p is RateLimit) ? [.. action.Named.Union([Register.RAX, Register.RDX])] : action.Named;
        read = [.. parts.Select(RegisterOf).Where(r => r is not (Register.None or Register.RSP))];
        registers = conditions.Select(Needs.OfCondition).Append(action.Registers).Append(named.Length).Max();
    }

    /// <summary>The word of a point that counts the passages in which a checked read found nothing; null where none is made.</summary>
    public int? UnreadableWord => makesSystemCalls ? states.Count : null;

    /// <summary>Null for always.</summary>
    public Expression? When { get; }

    public ProbeAction Action { get; }

    /// <summary>What its conditions want to know of what threads have passed before: code for that is needed at other places, too.</summary>
    public IEnumerable<ThreadMark> ThreadMarks => marks.Keys;

    /// <summary>Passages of threads for which there was no row in some mark's table, so that the mark did not hold. Word: of the shared words.</summary>
    public ulong PassagesWithoutMarks(Func<int, ulong> word) => marks.Values.Aggregate(0UL, (sum, table) => sum + PassageCode.PassagesWithoutRow(table, word));

    /// <summary>To be said before it is put in.</summary>
    public MarkPlaces Places { get; set; } = MarkPlaces.None;

    /// <summary>The number of the action's first word among those of a point.</summary>
    public int ActionWords => states.Count + (makesSystemCalls ? 1 : 0);

    public int Words => ActionWords + Action.Words;
    public int SharedWords => Action.SharedWords + marks.Count * PassageCode.WordsOfMarks;
    public int MostBytes => FrameBytes + parts.Sum(BytesOf) + Action.MostBytes + 2 * BytesOfMark * marks.Count;
    public bool LooksAtCallers => Action is WaitAction or BreakdownAction || parts.Any(p => p is ReturnAddress or CalledFrom);
    public bool IsPlaceFree => Action is CountAction or PerThreadCountAction && conditions.All(c => c is Every or RateLimit);

    /// <summary>
    /// Refused: 8009 what does not fit together, 5504 what needs more registers than there are, 5506 what needs system calls where they are not allowed. Allowed are they where the caller has asked
    /// the user, and no thread of the target has a filter of system calls. ProgramMayRecover: it goes on after faults of instructions that it knows (a JVM, .NET, Go), so that what it reads itself
    /// proves nothing.
    /// </summary>
    public static Outcome<ProbeProgram> Of(Expression? when, ProbeAction action, bool allowsSystemCalls = false, bool programMayRecover = false)
    {
        if (action.Condition is { } condition)
        {
            if (!TypeCheck.Condition(condition).Try(out _, out var wrong)) return wrong;
            when = when is null ? condition : new BinaryOperation(BinaryOperator.And, when, condition);
        }
        if (when is not null && !TypeCheck.Condition(when).Try(out _, out var why)) return why;
        foreach (var value in action.Values)
        {
            if (!TypeCheck.Value(value).Try(out _, out why)) return why;
        }
        var program = new ProbeProgram(when, action, allowsSystemCalls, programMayRecover);
        if (!allowsSystemCalls && (action.NeedsSystemCalls ? $"{action}" : program.parts.FirstOrDefault(p => p is SystemCallValue)?.ToString()) is { } asks) return Reasons.SystemCallsNotAllowed.With(asks);
        return program.registers <= Scratch.Most && program.parts.Length <= MostParts ? program : Reasons.ProgramTooLarge.With($"{program.registers} registers, {program.parts.Length} parts");
    }

    /// <summary>Refused: 5501, 5502, 5503, 5505.</summary>
    public Refusal? Check(FunctionGraph graph, Point point)
    {
        foreach (var mark in Places.At(graph, point, marks.Keys).OfType<Inside>())
        {
            if (ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null) return Reasons.CallerNotKnown.With($"{mark} at {point} in {graph.Function}");
        }
        if (!Places.IsAsked(point)) return null;
        if (Action.Check(graph, point) is { } refusal) return refusal;
        foreach (var part in ConditionsAt(graph, point).Concat(Action.Values).SelectMany(e => e.All()))
        {
            if (part is Argument && !FunctionEntry.IsAt(graph, point)) return Reasons.ArgumentNotKnown.With($"{part} at {point} in {graph.Function}");
            if (part is ReturnAddress or CalledFrom && ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null) return Reasons.CallerNotKnown.With($"{part} at {point} in {graph.Function}");
            if (part is Load load && !makesSystemCalls && !ReadProof.IsProved(graph, point, load, programMayRecover)) return Reasons.ReadNotProved.With($"{load} at {point} in {graph.Function}");
        }
        return null;
    }

    /// <summary>Each point begins somewhere else in the random numbers of its samplings, and at none of its first N passages rather than at another.</summary>
    public void Prepare(Span<ulong> words)
    {
        foreach (var (state, word) in states)
        {
            if (state is Every every) words[word] = (ulong)(uint)Random.Shared.Next() << 32 | (uint)Random.Shared.Next((int)every.N);
        }
        Action.Prepare(words[ActionWords..]);
    }

    public void Emit(Assembler code, in PointContext context)
    {
        var passage = new PassageCode(code, context, Scratch.Choose(registers, named.AsSpan(), read, context.Live, !context.FlagsDead)) { States = states, Marks = marks, MakesSystemCalls = makesSystemCalls, ProgramMayRecover = programMayRecover };
        Label unchanged = code.CreateLabel(), close = code.CreateLabel();
        var conditions = ConditionsAt(context.Graph, context.Point);
        Label unreadable = code.CreateLabel();
        passage.Unreadable = unreadable;
        passage.SaveFlags();
        if (Places.At(context.Graph, context.Point, marks.Keys) is { IsEmpty: false } here)
        {
            EmitMarked(passage, here, conditions, unreadable);
            return;
        }
        if (Action.HasOtherwise && !conditions.IsEmpty)
        {
            EmitBoth(passage, conditions, unreadable);
            return;
        }
        var (early, sampled) = BeforeTheFrame(conditions);
        for (var i = 0; i < early; i++) passage.JumpIf(conditions[i], wanted: false, unchanged);
        if (sampled is null)
        {
            EmitFrom(early);
            if (!conditions.IsEmpty) passage.Land(ref unchanged);
        }
        else
        {
            var taken = code.CreateLabel();
            passage.JumpIfSampled(sampled, taken);
            passage.OutOfLine(taken, () =>
            {
                EmitFrom(early + 1, sampled);
                code.jmp(unchanged);
            });
            passage.Land(ref unchanged);
        }
        passage.RestoreFlags();

        void EmitFrom(int condition, Every? reloaded = null)
        {
            passage.Open();
            if (reloaded is not null) passage.Reload(reloaded);
            for (var i = condition; i < conditions.Length; i++) passage.JumpIf(conditions[i], wanted: false, close);
            Action.Emit(passage, ActionWords);
            if (UnreadableWord is { } word)
            {
                code.jmp(close);
                code.Label(ref unreadable);
                code.LockedIncrement(passage.Context.Word(word));
            }
            if (!conditions.IsEmpty || makesSystemCalls) passage.Land(ref close);
            passage.Close();
        }
    }

    /// <summary>Whoever comes in is inside before the action is asked for, and whoever leaves is so until it has been.</summary>
    private void EmitMarked(PassageCode passage, ImmutableArray<ThreadMark> here, ImmutableArray<Expression> conditions, Label unreadable)
    {
        var code = passage.Code;
        var (graph, point, at) = (passage.Context.Graph, passage.Context.Point, passage.Context.Point.At);
        passage.Open();
        foreach (var flag in here.OfType<Flag>()) passage.SetFlag(flag, Places.Sets[at].Contains(flag.Name));
        if (FunctionEntry.IsAt(graph, point))
        {
            foreach (var inside in here.OfType<Inside>()) passage.EnterMark(inside);
        }
        if (Places.IsAsked(point)) EmitInFrame(passage, conditions, unreadable);
        if (FunctionExit.IsAt(point))
        {
            foreach (var inside in here.OfType<Inside>()) passage.LeaveMark(inside);
        }
        passage.Close();
        passage.RestoreFlags();
    }

    private void EmitBoth(PassageCode passage, ImmutableArray<Expression> conditions, Label unreadable)
    {
        passage.Open();
        EmitInFrame(passage, conditions, unreadable);
        passage.Close();
        passage.RestoreFlags();
    }

    private void EmitInFrame(PassageCode passage, ImmutableArray<Expression> conditions, Label unreadable)
    {
        var code = passage.Code;
        Label otherwise = code.CreateLabel(), close = code.CreateLabel();
        foreach (var condition in conditions) passage.JumpIf(condition, wanted: false, otherwise);
        Action.Emit(passage, ActionWords);
        code.jmp(close);
        if (UnreadableWord is { } word)
        {
            code.Label(ref unreadable);
            code.LockedIncrement(passage.Context.Word(word));
        }
        passage.Land(ref otherwise);
        if (!conditions.IsEmpty) Action.EmitOtherwise(passage);
        passage.Land(ref close);
    }

    private ImmutableArray<Expression> ConditionsAt(FunctionGraph graph, Point point) => Action.IsConditional(graph, point) ? conditions : [];

    /// <summary>How many conditions can be decided without a register, and the sampling that follows them: what most passages come to should cost little.</summary>
    private static (int Early, Every? Sampled) BeforeTheFrame(ImmutableArray<Expression> conditions)
    {
        var early = 0;
        while (early < conditions.Length && Needs.OfCondition(conditions[early]) == 0) early++;
        return (early, early < conditions.Length ? conditions[early] as Every : null);
    }

    private static IEnumerable<Expression> Conjuncts(Expression when) =>
        when is BinaryOperation { Operator: BinaryOperator.And } and ? Conjuncts(and.Left).Concat(Conjuncts(and.Right)) : [when];

    private int BytesOf(Expression part) => part is SystemCallValue || (part is Load && makesSystemCalls) ? BytesOfSystemCall : part is ThreadMark ? BytesOfMark : BytesOfPart;

    private static Register RegisterOf(Expression part) => part switch
    {
        RegisterValue value => value.Register.GetFullRegister(),
        Argument argument => argument.Register,
        _ => Register.None,
    };
}
