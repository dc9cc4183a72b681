using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>Explains the indirect jumps of a trace, or refuses.</summary>
internal sealed class IndirectJumps(CodeTrace trace)
{
    public Refusal? Resolve() => Reasons.UnresolvedIndirectJump.With($"the jump at {trace.IndirectJumps.Min()}");
}
