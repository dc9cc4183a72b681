namespace KernOpt.Code.Graphs;

/// <summary>Facts about the block that a function is entered by.</summary>
public static class EntryBlock
{
    /// <summary>
    /// Each instruction of the entry block runs exactly once per call, since nothing in the function leads back to it. (An instruction that faults and is
    /// restarted runs again, as it always does; a call in the block that calls the function itself is another call.)
    /// </summary>
    public static bool RunsOncePerCall(FunctionGraph graph) => graph.Entry.Predecessors.IsEmpty;
}
