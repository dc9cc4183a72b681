namespace KernOpt.Code.Calls;

/// <summary>
/// In which order to look at the functions of a module, and who calls each, by number. In arrays that a hundred thousand functions share: no other thread has work meanwhile.
/// </summary>
internal sealed class CallOrder
{
    private readonly int[] firsts;
    private readonly int[] callers;

    private CallOrder(int[] order, int[] firsts, int[] callers) => (CalleesFirst, this.firsts, this.callers) = (order, firsts, callers);

    /// <summary>Every function once, its callees before it as far as there is no recursion: by when a search in depth along the calls is done with it.</summary>
    public int[] CalleesFirst { get; }

    public ReadOnlySpan<int> CallersOf(int function) => callers.AsSpan(firsts[function]..firsts[function + 1]);

    public static CallOrder Of(FunctionOutline?[] outlines)
    {
        var firsts = new int[outlines.Length + 1];
        foreach (var outline in outlines)
        {
            foreach (var callee in CalleesOf(outline)) firsts[callee + 1]++;
        }
        for (var i = 1; i < firsts.Length; i++) firsts[i] += firsts[i - 1];
        var callers = new int[firsts[^1]];
        var next = firsts.AsSpan(0, outlines.Length).ToArray();
        for (var caller = 0; caller < outlines.Length; caller++)
        {
            foreach (var callee in CalleesOf(outlines[caller])) callers[next[callee]++] = caller;
        }
        return new CallOrder(Search(outlines), firsts, callers);
    }

    private static int[] Search(FunctionOutline?[] outlines)
    {
        var order = new List<int>(outlines.Length);
        var isSeen = new bool[outlines.Length];
        var open = new Stack<(int Function, int Next)>();
        for (var root = 0; root < outlines.Length; root++)
        {
            if (isSeen[root]) continue;
            isSeen[root] = true;
            open.Push((root, 0));
            while (open.TryPop(out var at))
            {
                var callees = CalleesOf(outlines[at.Function]);
                while (at.Next < callees.Length && isSeen[callees[at.Next]]) at.Next++;
                if (at.Next == callees.Length)
                {
                    order.Add(at.Function);
                    continue;
                }
                open.Push(at);
                isSeen[callees[at.Next]] = true;
                open.Push((callees[at.Next], 0));
            }
        }
        return [.. order];
    }

    private static ReadOnlySpan<int> CalleesOf(FunctionOutline? outline) => outline is null ? [] : outline.Callees;
}
