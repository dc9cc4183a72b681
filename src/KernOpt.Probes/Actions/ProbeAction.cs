using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Probes.Actions;

/// <summary>What happens at a point when its predicate holds. Its words are the point's behind those of the predicate; they start at zero.</summary>
public abstract record ProbeAction
{
    private protected ProbeAction()
    {
    }

    /// <summary>What it evaluates; the order is that of its results.</summary>
    public virtual ImmutableArray<Expression> Values => [];

    /// <summary>Must hold beside the predicate; null for always.</summary>
    internal virtual Expression? Condition => null;

    /// <summary>It makes a system call in each passage.</summary>
    internal virtual bool NeedsSystemCalls => false;

    internal abstract int Words { get; }
    internal virtual int SharedWords => 0;
    internal abstract int MostBytes { get; }

    /// <summary>Registers that its instructions ask for by name; they are <see cref="PassageCode.Free"/> 0, 1, …</summary>
    internal virtual ImmutableArray<Register> Named => [];

    /// <summary>How many registers it computes in, those of <see cref="Named"/> and what <see cref="Values"/> need included.</summary>
    internal abstract int Registers { get; }

    /// <summary>Why it cannot happen at a point; null where it can.</summary>
    internal virtual Refusal? Check(FunctionGraph graph, Point point) => null;

    /// <summary>Whether the predicate is asked at this point; the action happens otherwise.</summary>
    internal virtual bool IsConditional(FunctionGraph graph, Point point) => true;

    /// <summary>Fills its words of one point before its code can run; they are zero.</summary>
    internal virtual void Prepare(Span<ulong> words)
    {
    }

    /// <summary>Something has to be done also where the predicate does not hold.</summary>
    internal virtual bool HasOtherwise => false;

    /// <summary>The frame is open.</summary>
    internal virtual void EmitOtherwise(PassageCode passage)
    {
    }

    /// <summary>The frame is open. Words: the number of its first word among the point's.</summary>
    internal abstract void Emit(PassageCode passage, int words);
}
