using KernOpt.Code.Bodies;

namespace KernOpt.Code.Calls;

/// <summary>
/// What a call means to whoever makes it. Reads: what may be looked at with the value that it has at the entry, by the callee or by whatever it calls; saving it counts as looking.
/// Keeps: what may still have that value when the callee returns; everything else is overwritten on every path that returns.
/// <code>
/// f:   test edi, edi          Reads rdi.Low32, rsp
///      je   1f                Keeps all but rax and the flags: r8 is overwritten on one path only
///      mov  r8, rsi           (and on that path rsi is read)
/// 1:   xor  eax, eax
///      ret
/// </code>
/// </summary>
public readonly record struct CalleeUse(LiveSet Reads, LiveSet Keeps)
{
    /// <summary>Nothing is known of the callee.</summary>
    public static readonly CalleeUse Unknown = new(LiveSet.All, LiveSet.All);

    /// <summary>It has not been seen to look at anything, or to come back: where the search for the least solution begins.</summary>
    internal static readonly CalleeUse Nothing;

    public LiveSet LiveBefore(LiveSet after) => (after & Keeps) | Reads;
}
