using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>How a thread that is held makes calls of a batch. All of it runs on the tracer thread.</summary>
internal interface IHeldCalls
{
    /// <summary>Makes as many as fit into the time of a hold, one at least where nothing comes between.</summary>
    /// <param name="held">The thread, in its interrupt stop.</param>
    /// <param name="batch">What it is to do.</param>
    /// <param name="isInside">The thread has not provably left our code.</param>
    /// <returns>Why it went no further, and how the thread was let go; null for that means that it is still to be let go.</returns>
    (Outcome<Done> Value, LetGo? End) Make(HeldThread held, CallBatch batch, out bool isInside);
}
